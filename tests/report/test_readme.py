"""What the README tells people to type is accepted."""

import re
import shlex

import pytest

from smallbert import cli, paths
from smallbert.report import notebooks, profiles

README = (paths.root() / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    smallbert ")]
SETTINGS = [shlex.split(found)[1] for found in re.findall(r"`(-p '[^`]+)`", README)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory that holds the files the README speaks of."""
    (tmp_path / "my_news.csv").write_text("title,content\na,b\n")
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_has_commands():
    assert len(COMMANDS) >= 6
    assert SETTINGS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command, folder):
    options = cli._parser().parse_args(shlex.split(command)[1:])
    if command.startswith("smallbert run"):
        stems = [one.stem for one in notebooks.discover()]
        profile = profiles.choose(options.profile)
        profiles.require(profile, options.settings)
        assert profiles.resolve(profile, stems, options.settings)


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_accepted(setting, folder):
    stems = [one.stem for one in notebooks.discover()]
    assert profiles.resolve(profiles.choose("default"), stems, [setting])
