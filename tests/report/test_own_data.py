"""What notebooks/README.md tells a stranger to type is accepted, and it quotes the messages that really come."""

from __future__ import annotations

import csv
import io
import re
import shlex

import pytest

from smallbert import cli, paths
from smallbert.corpus import columns
from smallbert.errors import DataError, UsageError
from smallbert.report import notebooks, profiles
from smallbert.studies.embed import LEAST

GUIDE = (paths.root() / "notebooks" / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("  #")[0].strip() for line in GUIDE.splitlines() if line.startswith("    smallbert ")]
SETTINGS = [shlex.split(found)[1] for found in re.findall(r"`(-p [^`]+)`", GUIDE)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory that holds the files the guide speaks of."""
    (tmp_path / "my_news.csv").write_text("headline,story\na,b\n")
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def resolved(profile, settings):
    return profiles.resolve(profiles.choose(profile), [one.stem for one in notebooks.discover()], settings)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command, folder):
    options = cli._parser().parse_args(shlex.split(command)[1:])
    if command.startswith("smallbert run"):
        profiles.require(profiles.choose(options.profile), options.settings)
        found = resolved(options.profile, options.settings)
        assert found["01_corpus_and_embeddings"].corpus == str(folder / "my_news.csv")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_accepted(setting, folder):
    assert resolved("default", [setting])


def test_the_guide_is_short_and_shows_what_it_promises():
    assert len(COMMANDS) >= 5 and len(SETTINGS) >= 3
    assert len(GUIDE.splitlines()) < 100


def test_the_columns_of_its_table_are_guessed():
    table = re.search(r"(?:^    .*\n)+", GUIDE, re.MULTILINE)[0]
    header, *rows = csv.reader(io.StringIO(re.sub("^    ", "", table, flags=re.MULTILINE)))
    assert columns.resolve(header, {}, "my_news.csv") == {"title": "headline", "content": "story", "topic": "category"}
    assert {len(row) for row in rows} == {3}


@pytest.mark.parametrize("ours", ["title", "content", "topic", "lang", "group"])
def test_names_it_lists_are_names_that_are_guessed(ours):
    listed = set(re.findall(r"`(\w+)`", GUIDE.split("usual names:")[1].split("Other names")[0]))
    assert listed & set(columns.GUESSES[ours])
    assert listed <= {name for names in columns.GUESSES.values() for name in names}


def test_the_messages_it_quotes_are_those_that_come(folder):
    with pytest.raises(UsageError, match=r"there is no file or folder .*my_new\.csv"):
        resolved("smoke", ["corpus=my_new.csv"])
    with pytest.raises(UsageError, match=r"no notebook has a parameter 'corpsu'. Did you mean 'corpus'\?"):
        resolved("smoke", ["corpsu=my_news.csv"])
    with pytest.raises(
        DataError, match=r"expected a content column \(content, text, body, .*the columns there are 'a'"
    ):
        columns.resolve(["a", "b"], {}, "my_news.csv")
    least = " / ".join(map(str, LEAST.values()))
    assert f"at least {least} articles in {' / '.join(LEAST)}, got" in GUIDE
