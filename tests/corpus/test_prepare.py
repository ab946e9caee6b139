"""Preparing a corpus: sampling, splitting, leaks, manifest, crash and resume."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from scipy.stats import binom

from smallbert.corpus import hub
from smallbert.corpus.prepare import prepare, prepare_source
from smallbert.corpus.prepared import METADATA, Corpus
from smallbert.corpus.readers import Table
from smallbert.corpus.rows import batch
from smallbert.errors import DataError, UsageError
from smallbert.storage import lock, sha256_file


def stream(n, size=1000, groups=0, start=0):
    """n distinct short rows in two languages, ``groups`` > 0 of them telling each event in both."""
    for first in range(start, start + n, size):
        numbers = range(first, min(first + size, start + n))
        yield batch(
            {
                "id": [f"r{i}" for i in numbers],
                "lang": ["en" if i % 2 else "ko" for i in numbers],
                "title": [f"title {i}" for i in numbers],
                "content": [f"content of row {i}" for i in numbers],
                "topic": [f"t{i % 3}" for i in numbers],
                "group": [f"g{i // 2}" if i < groups else "" for i in numbers],
            }
        )


def everything(corpus):
    return [row for rows in corpus.batches() for row in rows.to_pylist()]


def test_rows_keep_their_order_and_their_text(tmp_path):
    corpus = prepare(stream(2500), tmp_path / "c")
    rows = everything(corpus)
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(2500)]
    expected = {"id": "r7", "lang": "en", "title": "title 7", "content": "content of row 7", "topic": "t1", "group": ""}
    assert {name: rows[7][name] for name in expected} == expected
    assert corpus.rows == 2500 and corpus.languages == ["en", "ko"]
    frame = corpus.frame()
    assert tuple(frame.columns) == METADATA and len(frame) == 2500
    assert corpus.counts["split"] == frame["split"].value_counts().to_dict()
    assert corpus.counts["topic"] == {"t0": 834, "t1": 833, "t2": 833} and corpus.counts["topics"] == 3
    assert sum(sum(count.values()) for count in corpus.counts["language"].values()) == 2500


def test_batches_by_split_and_column(tmp_path):
    corpus = prepare(stream(2500), tmp_path / "c")
    test = [row for rows in corpus.batches(["id"], rows=100, split="test") for row in rows.to_pylist()]
    assert [row["id"] for row in test] == [row["id"] for row in everything(corpus) if row["split"] == "test"]
    assert test[0].keys() == {"id"}
    with pytest.raises(UsageError, match="got 'dev'"):
        corpus.batches(split="dev")
    with pytest.raises(UsageError, match="got 'body'"):
        corpus.frame(["body"])


def test_splits_have_their_shares(tmp_path):
    corpus = prepare(stream(20_000, size=5000), tmp_path / "c", test_fraction=0.2, validation_fraction=0.1, seed=3)
    for name, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        low, high = binom.interval(0.9999, 20_000, share)
        assert low <= corpus.counts["split"][name] <= high


def test_translations_share_their_split_and_their_draw(tmp_path):
    corpus = prepare(stream(6000, groups=6000), tmp_path / "c", rows=2001, test_fraction=0.3)
    by_group = corpus.frame().groupby("group")
    assert (by_group["split"].nunique() == 1).all()
    assert by_group.size().value_counts().to_dict() == {2: 1000, 1: 1}  # one event is cut at 2,001 rows


def test_sample_is_uniform_over_the_stream(tmp_path):
    """1,000 of 20,000: each tenth of the stream gives its share, and another seed other rows."""
    drawn = []
    for seed in (1, 2):
        corpus = prepare(stream(20_000, size=999), tmp_path / str(seed), rows=1000, seed=seed)
        numbers = np.array([int(name[1:]) for name in corpus.frame(["id"])["id"]])
        assert len(numbers) == 1000 and (np.diff(numbers) > 0).all()
        low, high = binom.interval(0.9999, 1000, 0.1)
        tenths = np.bincount(numbers // 2000, minlength=10)
        assert (tenths >= low).all() and (tenths <= high).all()
        drawn.append(set(numbers))
    low, high = binom.interval(0.9999, 1000, 0.05)
    assert low <= len(drawn[0] & drawn[1]) <= high


def test_sample_does_not_depend_on_batches_and_draws_all_of_a_small_corpus(tmp_path):
    one = prepare(stream(9000, size=100), tmp_path / "a", rows=500)
    other = prepare(stream(9000, size=9000), tmp_path / "b", rows=500)
    assert one.key == other.key and sha256_file(tmp_path / "a" / "rows.parquet") == one.manifest["sha256"]
    assert prepare(stream(10), tmp_path / "c", rows=500).rows == 10


def test_a_row_keeps_its_split_when_the_corpus_grows(tmp_path):
    small = prepare(stream(500), tmp_path / "small").frame().set_index("id")["split"]
    large = prepare(stream(3000), tmp_path / "large").frame().set_index("id")["split"]
    assert (large[small.index] == small).all()


def test_copies_leave_and_are_counted(tmp_path):
    rng = np.random.default_rng(5)
    texts = ["".join(chr(0x4E00 + i) for i in rng.integers(500, size=300)) for _ in range(300)]
    near = [text[:150] + "改" + text[150:] for text in texts]
    contents = texts + texts + near
    rows = batch({"id": [str(i) for i in range(900)], "lang": ["zh"] * 900, "content": contents})
    corpus = prepare([rows], tmp_path / "c", test_fraction=0.3, validation_fraction=0.1)
    removed = corpus.manifest["duplicates"]
    exact = removed["exact_within_split"]["zh"] + removed["exact_across_splits"]["zh"]
    assert exact == 300
    assert corpus.rows == 600 - removed["near_across_splits"]["zh"] and removed["near_across_splits"]["zh"] > 50
    split = corpus.frame().set_index("id")["split"]
    for i in range(300):  # whatever stays of a text and its near copy stays in one split
        stays = {split[name] for name in (str(i), str(300 + i), str(600 + i)) if name in split.index}
        assert len(stays) == 1
    assert prepare([rows], tmp_path / "d", near_duplicates=False).rows == 600
    everyone = prepare([rows], tmp_path / "e", keep_duplicates=True)
    assert everyone.rows == 900 and everyone.summary() == "0 duplicates removed, 900 kept"
    assert f"{300 + removed['near_across_splits']['zh']} duplicates removed, {corpus.rows} kept" == corpus.summary()


def test_repeated_ids_are_made_unique_and_do_not_share_a_split(tmp_path):
    rows = batch(
        {"id": ["none"] * 400, "title": [f"t{i}" for i in range(400)], "content": [f"c{i}" for i in range(400)]}
    )
    corpus = prepare([rows], tmp_path / "c", test_fraction=0.5)
    ids = corpus.frame()["id"]
    assert ids.is_unique and ids[0] == "none" and ids[1] == "none~2"
    assert corpus.manifest["ids_made_unique"] == 399
    assert 100 < corpus.counts["split"]["test"] < 300


def test_same_request_opens_the_finished_corpus(tmp_path):
    def fails():
        raise AssertionError("the stream was read again")
        yield

    first = prepare(stream(300), tmp_path / "c", source={"name": "x"})
    assert prepare(fails(), tmp_path / "c", source={"name": "x"}) == first
    with pytest.raises(AssertionError, match="read again"):
        prepare(fails(), tmp_path / "c", source={"name": "x"}, seed=1)
    with pytest.raises(DataError, match=r"found no manifest.json"):  # the old one left before the work began
        Corpus.open(tmp_path / "c")


def test_cut_rows_are_noticed(tmp_path):
    prepare(stream(300), tmp_path / "c")
    with (tmp_path / "c" / "rows.parquet").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"rows.parquet: expected [\d,]+ bytes, found 100"):
        Corpus.open(tmp_path / "c")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from test_prepare import stream
    from smallbert.corpus import prepare as room
    def cut(batches):
        for i, rows in enumerate(batches):
            if i == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            yield rows
    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[3] == "first pass":
        room.prepare(cut(stream(5000)), sys.argv[1])
    room.write_json = kill  # just before the manifest
    room.prepare(stream(5000), sys.argv[1])
"""


@pytest.mark.parametrize("moment", ["first pass", "before the manifest"])
def test_killed_half_way_looks_unfinished_and_runs_again(tmp_path, moment):
    code, here = textwrap.dedent(KILLED), os.path.dirname(__file__)
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "c", here, moment], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(DataError, match="Expected a prepared corpus"):
        Corpus.open(tmp_path / "c")
    again, whole = prepare(stream(5000), tmp_path / "c"), prepare(stream(5000), tmp_path / "whole")
    assert again.manifest == whole.manifest
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["manifest.json", "rows.parquet"]


TWO = """
    import sys, time
    sys.path.insert(0, sys.argv[2])
    from test_prepare import stream
    from smallbert.corpus.prepare import prepare
    def slow(batches):
        for rows in batches:
            print("reading", flush=True)
            time.sleep(0.1)
            yield rows
    print(prepare(slow(stream(5000)), sys.argv[1]).key, flush=True)
"""


def test_second_process_waits_for_the_first_and_finds_its_corpus(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(TWO), tmp_path / "c", os.path.dirname(__file__)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        ends = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ends
    assert sorted(out.count("reading") for out, _ in ends) == [0, 5]  # one process read the stream, one did not
    assert {out.split()[-1] for out, _ in ends} == {prepare(stream(5000), tmp_path / "whole").key}


def test_waiting_is_told_once(tmp_path, capsys):
    with lock(tmp_path, "c"):
        waiting = threading.Thread(target=lambda: prepare(stream(300), tmp_path / "c"))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        assert capsys.readouterr().err == (
            f"waiting for another run (process {os.getpid()}) to finish c in {tmp_path}\n"
        )
    waiting.join(30)
    assert Corpus.open(tmp_path / "c").rows == 300


def test_finished_corpus_opens_without_the_lock(tmp_path):
    prepare(stream(300), tmp_path / "c")
    with lock(tmp_path, "c"):
        assert prepare([], tmp_path / "c").rows == 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_fraction": 0.6, "validation_fraction": 0.4}, "leave room for train, got 0.6 and 0.4"),
        ({"test_fraction": -0.1}, "Expected fractions"),
        ({"rows": 0}, "got rows=0"),
    ],
)
def test_senseless_parameters(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        prepare(stream(10), tmp_path / "c", **options)


def test_nothing_to_train_on(tmp_path):
    with pytest.raises(DataError, match="Expected rows to train on, found none among 0"):
        prepare([], tmp_path / "c")


def test_source_by_name(tmp_path, capsys):
    path = tmp_path / "my news.csv"
    path.write_text("title,text\n" + "".join(f"t{i},c{i}\n" for i in range(200)) + ",no title\n")
    corpus = prepare_source(path, tmp_path / "out", lang="en")
    assert corpus.folder.parent == tmp_path / "out" and corpus.folder.name.startswith("my-news-")
    assert corpus.manifest["reading"]["counts"] == {"missing title": 1}
    (file,) = corpus.manifest["request"]["source"]["files"]
    assert file == {"name": "my news.csv", "bytes": path.stat().st_size, "sha256": sha256_file(path)}
    assert corpus.summary() == "201 rows read, 1 unusable, 0 duplicates removed, 200 kept"
    told = capsys.readouterr().err
    assert "reading the corpus" in told
    skipped = "1 of 201 rows cannot be used and are skipped (1 missing title): my news.csv:202: missing title\n"
    assert told.count(skipped) == 1
    drawn = prepare_source(path, tmp_path / "out", lang="en", rows=50)
    assert drawn.summary() == "201 rows read, 1 unusable, 50 drawn, 0 duplicates removed, 50 kept"
    capsys.readouterr()
    assert prepare_source(path, tmp_path / "out", lang="en") == corpus
    assert "reading" not in capsys.readouterr().err
    path.write_text(path.read_text() + "new,row\n")
    assert prepare_source(path, tmp_path / "out", lang="en").rows == 201
    assert str(tmp_path) not in json.dumps(corpus.manifest)  # no local folder is published


def test_generated_rows_by_name(tmp_path):
    corpus = prepare_source("world-300", tmp_path, batches=stream(300), seed=4)
    assert corpus.rows == 300 and corpus.manifest["request"]["source"] == {"name": "world-300"}
    assert corpus.manifest["reading"] is None


def test_descriptions_of_other_hub_data_sets_are_other_corpora(tmp_path, monkeypatch):
    made = []
    for name in ("hub:owner/english-news", "hub:owner/korean-news", "hub:owner/korean-news:2024"):
        monkeypatch.setattr(hub, "splits", lambda asked: [("train", asked)])
        monkeypatch.setattr(hub, "open_split", lambda asked: contextlib.nullcontext(table_of(asked)))
        (tmp_path / "corpus.toml").write_text(f'[[source]]\npath = "{name}"\n')
        corpus = prepare_source(tmp_path / "corpus.toml", tmp_path / "out", test_fraction=0, validation_fraction=0)
        assert {row["content"] for row in everything(corpus)} == {f"article of {name}"}
        made.append(corpus.key)
    assert len(set(made)) == 3


def table_of(name):
    return Table(["title", "text"], lambda names: iter([(1, ["a title", f"article of {name}"])]), "row ", lambda: 0)


def test_the_key_of_a_corpus_of_files_stays(tmp_path):
    """Corpora that were prepared before are found again: published checksums stand on them."""
    (tmp_path / "news" / "en").mkdir(parents=True)
    (tmp_path / "news" / "en" / "a.csv").write_text("title,text\n" + "".join(f"t{i},c{i}\n" for i in range(20)))
    (tmp_path / "corpus.toml").write_text('[[source]]\npath = "news"\nlang_from_folder = true\n')
    (tmp_path / "list.toml").write_text('[[source]]\npath = "news/en/a.csv"\n')
    made = [prepare_source(tmp_path / name, tmp_path / "out") for name in ("corpus.toml", "list.toml", "news")]
    assert [corpus.folder.name for corpus in made] == [
        "corpus-ac1fc3060e47",
        "list-d54b5210c283",
        "news-e6f751b8c330",
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold names in UTF-8 only")
def test_a_source_whose_name_is_no_utf_8(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.csv")
    with open(path, "w") as file:
        file.write("title,text\n" + "".join(f"t{i},c{i}\n" for i in range(50)))
    corpus = prepare_source(os.fsdecode(path), tmp_path / "out")
    assert corpus.rows == 50 and corpus.manifest["request"]["source"]["name"] == "caf\\xe9.csv"
