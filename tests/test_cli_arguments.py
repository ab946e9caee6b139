"""The flags of a corpus are the same in every command that reads one."""

import argparse

import pytest

from smallbert import cli
from smallbert.cli.arguments import add_corpus

FLAGS = ["--column", "title=headline", "--lang", "ko", "--max-bad-rows", "0.05", "--keep-duplicates", "--rows", "7"]


@pytest.mark.parametrize(("name", "given"), [("corpus", ["news.csv"]), ("--corpus", ["--corpus", "news.csv"])])
def test_what_is_given_is_read(name, given):
    parser = argparse.ArgumentParser()
    add_corpus(parser, name)
    options = parser.parse_args([*given, *FLAGS, "--column", "content=body"])
    assert vars(options) == {
        "corpus": "news.csv",
        "columns": ["title=headline", "content=body"],
        "lang": "ko",
        "max_bad_rows": 0.05,
        "keep_duplicates": True,
        "rows": 7,
    }
    assert vars(parser.parse_args(given))["columns"] == []


@pytest.mark.parametrize("command", ["embed", "trim", "distil"])
def test_every_command_explains_them_alike(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "-h"])
    told = " ".join(capsys.readouterr().out.split())
    parser = argparse.ArgumentParser()
    add_corpus(parser)
    texts = [action.help for action in parser._actions if action.dest not in ("help", "corpus")]
    assert len(texts) == 5 and all(text in told for text in texts)


def test_a_corpus_is_required(capsys):
    parser = argparse.ArgumentParser()
    add_corpus(parser, "--corpus")
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "the following arguments are required: --corpus" in capsys.readouterr().err
