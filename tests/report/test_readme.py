"""What the README tells people to type is accepted."""

import re
import shlex
import tomllib

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


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", ["README.md", "environment.yml"])
def test_every_extra_that_is_named_exists(name, project):
    named = re.findall(r"-e '?\.\[(\w+)\]", (paths.root() / name).read_text(encoding="utf-8"))
    assert named and set(named) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("name", ["README.md", "notebooks/README.md"])
def test_the_pythons_that_are_named_are_those_that_install_it(name, project):
    first, beyond = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups())
    assert f"Python 3.{first} to 3.{beyond - 1}" in (paths.root() / name).read_text(encoding="utf-8")


def test_every_profile_has_its_time_in_the_table():
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == list(profiles.load())
