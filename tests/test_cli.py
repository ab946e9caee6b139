"""The command line: quick help, short errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smallbert import __version__, cli, provenance
from smallbert.errors import DataError
from smallbert.report.parameters import MODELS


@pytest.fixture
def report(tmp_path, monkeypatch):
    """A project whose notebooks are never executed here: every kernel start fails the test."""
    import nbformat

    from smallbert.report import runner
    from smallbert.report.parameters import cell

    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path))
    monkeypatch.delenv("SMALLBERT_CACHE", raising=False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    facts = 'description = "d"\nminutes = 1\nmachine = "m"\n'
    (tmp_path / "data" / "profiles.toml").write_text(
        f'[default]\n{facts}[smoke]\n{facts}[news]\n{facts}requires = ["corpus"]\n'
    )
    for stem in MODELS:
        code = nbformat.v4.new_code_cell(cell(stem), metadata={"tags": ["parameters"]})
        nbformat.write(nbformat.v4.new_notebook(cells=[code]), tmp_path / "notebooks" / f"{stem}.ipynb")

    def refuse(*_):
        raise AssertionError("a kernel would have started")

    monkeypatch.setattr(runner.Runner, "run", refuse)
    return tmp_path


def test_help_and_params_do_not_load_torch():
    code = (
        "import sys\nfrom smallbert.cli import main\nmain(['params'])\n"
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "02_autoencoder_depth      bottlenecks" in done.stdout
    assert "profiles:" in done.stdout


def test_rendering_and_recommending_do_not_load_torch():
    code = (
        "import sys; import smallbert.report.render, smallbert.studies.recommend; "
        "assert not {'torch', 'transformers'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", [[], ["run"], ["params"], ["render"], ["embed"], ["verify"], ["env"]])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "-h"])
    assert caught.value.code == 0
    assert "usage: smallbert" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"smallbert {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "sedd=3"], "error: -p: no notebook has a parameter 'sedd'. Did you mean 'seed'?"),
        (["-p", "02_autoencoder_depth.seeds=many"], "error: -p seeds: expected int, got 'many'."),
        (["--profile", "smok"], "error: There is no profile 'smok'. Did you mean 'smoke'?"),
        (["--only", "90"], "error: Expected one notebook, got '90'."),
        (["-p", 'columns={"headline": "title"}'], "columns.headline.[key]: the value should be 'id', 'lang', 'title'"),
        (["--profile", "news"], "error: Profile news needs -p corpus=..., which was not given."),
        (["-p", "pretrain_heads=5"], "pretrain_heads: the value should divide pretrain_hidden (128), got 5."),
    ],
)
def test_mistake_ends_before_any_kernel_with_code_2(report, arguments, message, capsys):
    assert cli.main(["run", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ["../x", "a/b", "내 판", "", "Mine"])
def test_an_edition_that_cannot_name_a_folder_is_refused_in_words(report, name, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--dry-run", "--edition", name])
    assert "expected a name of small letters and digits" in capsys.readouterr().err


def test_a_file_is_no_folder_for_results(report, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--dry-run", "--out", str(tmp_path / "file")])
    assert "file is a file" in capsys.readouterr().err


def test_dry_run_says_what_would_run_and_why(report, capsys):
    assert cli.main(["run", "--dry-run", "--only", "02"]) == 0
    said = capsys.readouterr()
    assert said.out == "run   01_corpus_and_embeddings  new\nrun   02_autoencoder_depth  new\n"
    assert " min in all" not in said.err, "the whole report's time is not that of two pages"
    assert cli.main(["run", "--dry-run"]) == 0
    assert " min in all" in capsys.readouterr().err


def test_a_terminal_that_knows_ascii_alone_gets_the_rest_in_codes():
    code = """if True:
        import sys
        from smallbert import cli, provenance
        provenance.stamp = lambda: {"commit": chr(0x2192), "modified": False, "versions": {}, "machine": {}}
        sys.exit(cli.main(["env"]))"""
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run([sys.executable, "-c", code], env=ascii_only, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "\\u2192" in done.stdout, done.stderr


@pytest.mark.parametrize(("to", "code"), [("/dev/full", 4), ("| true", 141)])
def test_output_that_cannot_be_written_is_no_verdict(to, code):
    if to.startswith("/") and not Path(to).exists():
        pytest.skip(f"this system has no {to}")
    command = f"{sys.executable} -m smallbert.cli params"
    done = subprocess.run(
        ["bash", "-c", f"{command} {to}; exit ${{PIPESTATUS[0]}}" if to[0] == "|" else f"{command} >{to}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert ("  next: " in done.stderr) == (code == 4)


def test_params_shows_a_profile_beside_the_defaults(report, capsys):
    (report / "data" / "profiles.toml").write_text(
        '[tiny]\ndescription = "d"\nminutes = 1\nmachine = "m"\n[tiny.all]\nseeds = 7\n'
    )
    assert cli.main(["params", "--profile", "tiny"]) == 0
    rows = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert ["02_autoencoder_depth", "seeds", "int", "5", "7"] in rows


def test_render_without_a_run_says_what_to_do(report, capsys):
    assert cli.main(["render", "--edition", "none"]) == 2
    assert "next: Run `smallbert run --edition none`." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (DataError("Bad file.", "Mend it."), 3, "error: Bad file.\n  next: Mend it.\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_become_exit_codes(monkeypatch, capsys, error, code, shown):
    def fail(options):
        raise error

    monkeypatch.setattr(cli.report, "_env", fail)
    assert cli.main(["env"]) == code
    assert shown in capsys.readouterr().err


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A folder with an encoder of width 8 that knows ten letters."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import BertWordPieceTokenizer

    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{one}" for one in LETTERS)]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertWordPieceTokenizer(str(tmp_path / "vocab.txt")).save(str(tmp_path / "tokenizer.json"))
    folder = tmp_path / "encoder"
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json")).save_pretrained(folder)
    return folder


LETTERS = "abcdefghij"
ROWS = "".join(f"{LETTERS[i % 10]} {LETTERS[i // 10]},{LETTERS[::-1][i % 7]} a b\n" for i in range(40))


def test_embed_and_verify_round_trip(encoder, tmp_path, capsys):
    (tmp_path / "news.csv").write_text("headline,body\n" + ROWS)
    out = tmp_path / "store"
    arguments = ["embed", str(tmp_path / "news.csv"), "--encoder", str(encoder), "--out", str(out)]
    assert cli.main(["embed", "world", "--encoder", str(encoder), "--out", str(out)]) == 2
    assert "say how many articles" in capsys.readouterr().err
    assert cli.main([*arguments, "--column", "title"]) == 2
    assert "--column: expected OURS=THEIRS, got 'title'" in capsys.readouterr().err
    assert cli.main([*arguments, "--column", "title=headline", "--precision", "fp32"]) == 0
    assert "vectors of width 8" in capsys.readouterr().out
    assert cli.main(["verify", str(out)]) == 0
    shard = next(out.glob("*.npy"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    assert cli.main(["verify", str(out)]) == 3
    assert shard.name in capsys.readouterr().out


def test_embed_in_integers_is_near_embedding_in_full_and_refuses_other_machines(encoder, tmp_path, capsys, monkeypatch):
    from smallbert.compress import quantize
    from smallbert.compress.store import EmbeddingStore

    (tmp_path / "news.csv").write_text("title,text\n" + ROWS)
    out = tmp_path / "store"
    arguments = ["embed", str(tmp_path / "news.csv"), "--encoder", str(encoder), "--out", str(out)]
    for flags in (["--ray"], ["--device", "cuda"]):
        assert cli.main([*arguments, "--precision", "int8", *flags]) == 2
        assert f"--precision int8 has no meaning with {' '.join(flags)}" in capsys.readouterr().err
    if quantize.integer_units():
        found = {}
        for precision in ("int8", "fp32"):
            arguments[-1] = str(tmp_path / precision)
            assert cli.main([*arguments, "--precision", precision]) == 0
            store = EmbeddingStore.open(tmp_path / precision)
            found[precision] = store.vectors() / np.linalg.norm(store.vectors(), axis=1, keepdims=True)
            assert store.manifest["encoder"]["precision"].startswith(precision)
        cosines = (found["int8"] * found["fp32"]).sum(axis=1)
        # The tiny encoder hardly needs its products, so that all but the last digits agree.
        assert cosines.min() > 0.99 and (found["int8"] != found["fp32"]).any()
    monkeypatch.setattr(quantize, "integer_units", lambda: None)
    assert cli.main([*arguments, "--precision", "int8"]) == 4
    assert "keep bf16 or fp32" in capsys.readouterr().err


def test_embed_says_what_became_of_every_row(encoder, tmp_path, capsys):
    from smallbert.compress.store import EmbeddingStore

    news = tmp_path / "news.csv"
    news.write_text("title,text\n" + ROWS + "a a,j a b\n" * 3 + "no text,\n" * 2)

    def embed(out, *flags, corpus=news):
        arguments = ["embed", str(corpus), "--encoder", str(encoder), "--out", str(tmp_path / out), *flags]
        return cli.main([*arguments, "--precision", "fp32"]), capsys.readouterr()

    code, seen = embed("strict")
    assert code == 3 and "allow more: --max-bad-rows 0.1" in seen.err
    code, seen = embed("one", "--max-bad-rows", "2", "--lang", "eng")
    assert code == 0
    assert f"{news}: 45 rows read, 2 unusable, 3 duplicates removed, 40 kept\n" in seen.out
    assert "2 of 45 rows cannot be used and are skipped (2 missing content): news.csv:45: missing content" in seen.err
    assert set(EmbeddingStore.open(tmp_path / "one").rows.lang) == {"en"}
    code, seen = embed("all", "--max-bad-rows", "0.1", "--keep-duplicates")
    assert code == 0 and "45 rows read, 2 unusable, 0 duplicates removed, 43 kept" in seen.out
    assert len(EmbeddingStore.open(tmp_path / "all")) == 43
    prepared = next((tmp_path / "cache" / "corpora").glob("news-*"))
    code, seen = embed("again", "--lang", "en", corpus=prepared)
    assert code == 2 and "--lang has no meaning for a prepared corpus" in seen.err
    with pytest.raises(SystemExit):
        embed("none", "--max-bad-rows", "few")
    assert "expected a share such as 0.05 or a whole number, got 'few'" in capsys.readouterr().err


def test_provenance_names_commit_versions_and_machine(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    assert provenance.commit() == {"commit": None, "modified": None}
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text("")
    git("init")
    git("add", "-A")
    git("commit", "-m", "a")
    made = provenance.commit()
    assert len(made["commit"]) == 12 and made["modified"] is False
    (tmp_path / "report.html").write_text("outputs do not count")
    assert provenance.commit()["modified"] is False
    (tmp_path / "lib" / "a.py").write_text("x = 1")
    assert provenance.commit()["modified"] is True
    stamp = provenance.stamp()
    assert stamp["versions"]["smallbert"] == __version__
    assert stamp["machine"]["cores"] >= 1 and stamp["machine"]["memory_gib"] > 0
