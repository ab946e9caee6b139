"""Files, folders, descriptions and hub data sets behind one name."""

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallbert.corpus import hub, sources
from smallbert.corpus.news import read
from smallbert.corpus.sources import Options, describe, files, parts
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.report import profiles
from smallbert.report.parameters import MODELS
from smallbert.storage import sha256_file


def rows_of(source, **options):
    return [row for batch in read(source, **options) for row in batch.to_pylist()]


@pytest.fixture
def folder(tmp_path):
    """Two languages in folders, beside files that are no rows."""
    for lang, word in (("eng", "hello"), ("kor", "안녕")):
        (tmp_path / "news" / lang).mkdir(parents=True)
        (tmp_path / "news" / lang / "b.csv").write_text(f"id,title,text\n1,t,{word} b\n", encoding="utf-8")
        (tmp_path / "news" / lang / "a.jsonl").write_text(f'{{"title":"t","body":"{word} a"}}\n', encoding="utf-8")
    (tmp_path / "news" / "README.md").write_text("no rows")
    (tmp_path / "news" / ".cache").mkdir()
    (tmp_path / "news" / ".cache" / "c.csv").write_text("id,text\n1,hidden\n")
    return tmp_path


def test_folder_is_read_in_order_of_names_with_languages_and_unique_ids(folder):
    rows = rows_of(folder / "news", lang_from_folder=True)
    assert [(row["id"], row["lang"], row["content"]) for row in rows] == [
        ("eng/a.jsonl:1", "en", "hello a"),
        ("eng/b.csv:1", "en", "hello b"),
        ("kor/a.jsonl:1", "ko", "안녕 a"),
        ("kor/b.csv:1", "ko", "안녕 b"),
    ]


def test_description_mixes_sources(folder):
    (folder / "reviews.tsv").write_text('movie\treview\trating\n99\t"좋다\t9\n', encoding="utf-8")
    toml = folder / "corpus.toml"
    toml.write_text(
        '[[source]]\npath = "reviews.tsv"\nlang = "ko"\nquoting = "none"\n'
        'columns = { title = "movie", content = "review", topic = "rating" }\n'
        '[[source]]\npath = "news/eng"\nlang_from_folder = true\n'
    )
    rows = rows_of(toml)
    assert [(row["id"], row["lang"], row["title"], row["content"], row["topic"]) for row in rows] == [
        ("reviews.tsv:1", "ko", "99", '"좋다', "9"),
        ("news/eng/a.jsonl:1", "en", "t", "hello a", ""),
        ("news/eng/b.csv:1", "en", "t", "hello b", ""),
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[[source]\n", DataError, "corpus.toml: expected TOML"),
        ('path = "x"\n', DataError, r"expected \[\[source\]\] tables and nothing else, found path"),
        ('[[source]]\npath = "news"\ncolums = {}\n', UsageError, "got colums = {}"),
        ('[[source]]\nlang = "en"\n', UsageError, "got path = None"),
        ('[[source]]\npath = "news"\nlang = 3\n', UsageError, "got lang = 3"),
        ('[[source]]\npath = "nowhere"\n', DataError, "corpus.toml: Expected a file or folder at .*nowhere"),
        ('[[source]]\npath = "news"\ncolumns = { titel = "t" }\n', UsageError, "Did you mean 'title'"),
    ],
)
def test_broken_descriptions(folder, text, error, message):
    (folder / "corpus.toml").write_text(text)
    with pytest.raises(error, match=message):
        parts(folder / "corpus.toml", Options())


def test_description_brings_its_own_options(folder):
    (folder / "corpus.toml").write_text('[[source]]\npath = "news"\n')
    with pytest.raises(UsageError, match="write them there"):
        read(folder / "corpus.toml", lang="en")


def test_missing_and_empty(tmp_path):
    with pytest.raises(DataError, match=r"Expected a file or folder at .*nowhere, which does not exist") as caught:
        read(tmp_path / "nowhere")
    assert "hub:OWNER/NAME" in caught.value.hint
    with pytest.raises(DataError, match=r"Expected files ending in .csv, .* found none"):
        read(tmp_path)


def test_describe_knows_the_files_by_content(folder):
    (first, *_), files = parts(folder / "news", Options()), describe(parts(folder / "news", Options()))
    assert [file["name"] for file in files] == ["eng/a.jsonl", "eng/b.csv", "kor/a.jsonl", "kor/b.csv"]
    assert files[0]["sha256"] == sha256_file(first.path) and files[0]["bytes"] == first.path.stat().st_size


def test_every_file_behind_a_source_is_known(folder):
    (folder / "corpus.toml").write_text(
        '[[source]]\npath = "news/eng"\n[[source]]\npath = "hub:news/kor"\n[[source]]\npath = "hub:some/data"\n'
    )
    found = [file.relative_to(folder).as_posix() for file in files(folder / "corpus.toml")]
    listed = ["news/eng/a.jsonl", "news/eng/b.csv", "news/kor/a.jsonl", "news/kor/b.csv"]
    assert found == ["corpus.toml", *listed]
    assert files(folder / "news/eng/b.csv") == [folder / "news/eng/b.csv"]
    assert {file.relative_to(folder).as_posix() for file in files(f"hub:{folder / 'news'}:x")} > set(listed)
    assert files("hub:some/data") == []
    (folder / "corpus.toml").write_text('[[source]]\npath = "gone.csv"\n')
    with pytest.raises(DataError, match=r"corpus.toml: Expected a file or folder at .*gone.csv"):
        files(folder / "corpus.toml")


@pytest.fixture
def hub_folder(tmp_path):
    """A folder in hub format: Parquet by split, the README describes a configuration and a class label."""
    pq.write_table(pa.table({"headline": ["a", "b"], "text": ["A", "B"], "label": [1, 0]}), tmp_path / "tr.parquet")
    pq.write_table(pa.table({"headline": ["c"], "text": ["C"], "label": [-1]}), tmp_path / "te.parquet")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: tr.parquet\n"
        "  - split: test\n    path: te.parquet\ndataset_info:\n- config_name: main\n  features:\n"
        "  - name: headline\n    dtype: string\n  - name: text\n    dtype: string\n  - name: label\n"
        "    dtype:\n      class_label:\n        names:\n          '0': sport\n          '1': politics\n---\n"
    )
    return tmp_path


def test_describe_knows_a_hub_folder_by_content(hub_folder):
    files = describe(parts(f"hub:{hub_folder}", Options()))
    assert [file["name"] for file in files if "sha256" in file] == ["README.md", "te.parquet", "tr.parquet"]
    assert {"name": "train"} in files


@pytest.mark.parametrize("place", ["{}", "."], ids=["absolute", "beside the description"])
def test_description_may_name_a_hub_folder(hub_folder, place):
    name = f"hub:{place.format(hub_folder)}:main:test"
    (hub_folder / "corpus.toml").write_text(f'[[source]]\npath = "{name}"\n')
    assert [row["content"] for row in rows_of(hub_folder / "corpus.toml")] == ["C"]


@pytest.mark.parametrize("suffix", ["", ":main"])
def test_hub_folder_is_read_split_after_split(hub_folder, suffix):
    rows = rows_of(f"hub:{hub_folder}{suffix}", lang="en")
    assert [(row["id"], row["title"], row["content"], row["topic"]) for row in rows] == [
        ("train:1", "a", "A", "politics"),
        ("train:2", "b", "B", "sport"),
        ("test:1", "c", "C", ""),
    ]


def test_one_split_of_a_hub_folder(hub_folder):
    assert [row["content"] for row in rows_of(f"hub:{hub_folder}:main:test")] == ["C"]
    with pytest.raises(DataError, match="expected the split 'dev'; it has train, test"):
        read(f"hub:{hub_folder}:main:dev")
    with pytest.raises(DataError, match=r"Expected a data set at 'hub:.*:other'"):
        read(f"hub:{hub_folder}:other")


def test_without_a_network_the_name_of_a_data_set_is_not_blamed():
    with pytest.raises(MachineError, match=r"The hub, .* about 'nobody/news', cannot be reached") as caught:
        read("hub:nobody/news")
    assert "name it hub:FOLDER" in caught.value.hint


def test_data_set_saved_to_disk(tmp_path):
    datasets = pytest.importorskip("datasets")
    train = datasets.Dataset.from_dict({"title": ["a", "b"], "body": ["A", "B"]})
    datasets.DatasetDict({"train": train, "test": train.select([1])}).save_to_disk(tmp_path / "dict")
    train.save_to_disk(tmp_path / "one")
    assert [row["content"] for row in rows_of(tmp_path / "dict")] == ["A", "B", "B"]
    assert [row["content"] for row in rows_of(f"hub:{tmp_path / 'dict'}:test")] == ["B"]
    assert [row["title"] for row in rows_of(tmp_path / "one")] == ["a", "b"]


def test_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MachineError, match=r"pip install 'smallbert\[hub\]'"):
        read("hub:some/data")


@pytest.fixture
def linked(tmp_path):
    """A folder as a hub's cache, DVC and git-annex lay it out: names are links to contents."""
    for folder in ("blobs", "data/en", "data/ko"):
        (tmp_path / folder).mkdir(parents=True)
    for lang in ("en", "ko"):
        (tmp_path / "blobs" / f"{lang}0123").write_text(f"title,text\nt,{lang} text\n")
        (tmp_path / "data" / lang / "a.csv").symlink_to(tmp_path / "blobs" / f"{lang}0123")
    return tmp_path


def test_a_linked_file_keeps_the_folder_that_names_its_language(linked, monkeypatch):
    rows = rows_of(linked / "data", lang_from_folder=True)
    assert [(row["lang"], row["content"]) for row in rows] == [("en", "en text"), ("ko", "ko text")]
    monkeypatch.chdir(linked / "data" / "en")
    for name in ("a.csv", "../en/a.csv", "../ko/../en/a.csv"):
        assert [row["lang"] for row in rows_of(name, lang_from_folder=True)] == ["en"]


def test_a_linked_file_keeps_its_ending_as_a_parameter(linked, monkeypatch):
    monkeypatch.chdir(linked)
    layers = profiles.Profile(name="none", description="", minutes=1, machine="", values={})
    found = profiles.resolve(layers, MODELS, ["corpus=data/en/a.csv"])["01_corpus_and_embeddings"].corpus
    assert found == str(linked / "data" / "en" / "a.csv")
    assert [row["content"] for row in rows_of(found)] == ["en text"]


def test_an_absolute_path_follows_links_only_before_two_dots(tmp_path, monkeypatch):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "far" / "inner")
    monkeypatch.chdir(tmp_path / "here")
    expected = {"link": "here/link", "link/..": "far", "link/../inner/x": "far/inner/x", ".": "here"}
    assert {name: sources.absolute(Path(name)) for name in expected} == {
        name: tmp_path / place for name, place in expected.items()
    }


class Remote:
    """A split on the hub whose only article says which data set it is of."""

    def __init__(self, name):
        self.features = {"title": None, "text": None}
        self.table = pa.table({"title": ["t"], "text": [f"article of {name}"]})

    def select_columns(self, names):
        self.table = self.table.select(names)
        return self

    def with_format(self, _):
        return self

    def iter(self, _):
        yield self.table


def test_data_sets_on_the_hub_keep_their_whole_names_in_a_description(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "splits", lambda name: [("train", Remote(name))])
    names = ["hub:owner/english-news", "hub:owner/korean-news", "hub:owner/korean-news:2024", "hub:other/korean-news"]
    toml = tmp_path / "corpus.toml"
    toml.write_text("".join(f'[[source]]\npath = "{name}"\n' for name in names))
    found = describe(parts(toml, Options()))
    assert sorted(one["name"] for one in found) == sorted(f"{name}/train" for name in names)
    assert [row["id"] for row in rows_of(toml)] == [f"{name}/train:1" for name in names]


def test_configurations_and_folders_of_a_local_data_set_are_told_apart(tmp_path):
    def described(*names):
        (tmp_path / "corpus.toml").write_text("".join(f'[[source]]\npath = "{name}"\n' for name in names))
        return describe(parts(tmp_path / "corpus.toml", Options()))

    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"text": [folder]}), tmp_path / folder / "train.parquet")
        (tmp_path / folder / "README.md").write_text(
            "---\nconfigs:\n"
            + "".join(f"- config_name: {name}\n  data_files: train.parquet\n" for name in ("main", "other"))
            + "---\n"
        )
    assert described("hub:one:main") != described("hub:one:other")
    sums = {one["sha256"] for one in described("hub:one:main", "hub:two:main") if one["name"] == "train.parquet"}
    assert sums == {sha256_file(tmp_path / folder / "train.parquet") for folder in ("one", "two")}
    (split,) = [one for one in described("hub:two:main") if "sha256" not in one]
    assert split == {"name": "hub:two:main/train"}


def test_a_file_listed_twice_is_described_once(folder):
    (folder / "corpus.toml").write_text('[[source]]\npath = "news/eng/b.csv"\n' * 2)
    assert [one["name"] for one in describe(parts(folder / "corpus.toml", Options()))] == ["news/eng/b.csv"]


def test_an_unreadable_file_is_named(folder, monkeypatch):
    def refused(path):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(sources, "sha256_file", refused)
    with pytest.raises(DataError, match=r"^eng/a.jsonl: expected a readable file: Permission denied"):
        describe(parts(folder / "news", Options()))
