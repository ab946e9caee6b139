"""The project's files agree with each other: pyproject.toml, requirements.lock, environment.yml, .gitignore."""

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from smallbert import paths

CONDA_NAMES = {"pytorch": "torch"}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((paths.root() / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def declared(project) -> dict[str, Requirement]:
    return {requirement.name: requirement for requirement in map(Requirement, project["dependencies"])}


@pytest.fixture(scope="module")
def locked() -> dict[str, list[Version]]:
    """Every version the lock may install, by name: one for each Python it forks on."""
    pins: dict[str, list[Version]] = {}
    for line in (paths.root() / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\]+)", line):
            pins.setdefault(match[1], []).append(Version(match[2]))
    return pins


def test_conda_environment_declares_what_pyproject_declares(project, declared):
    environment = yaml.safe_load((paths.root() / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    conda = {(r := Requirement(line)).name: r.specifier for line in lines}
    assert conda.pop("python") == Requirement(f"python{project['requires-python']}").specifier
    conda.pop("pip")
    assert {CONDA_NAMES.get(name, name): specifier for name, specifier in conda.items()} == {
        name: requirement.specifier for name, requirement in declared.items()
    }


def test_lock_satisfies_every_declared_range_but_leaves_the_accelerator_out(project, declared, locked):
    extras = [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]
    for requirement in [*declared.values(), *extras]:
        if requirement.name == "torch":
            continue
        assert requirement.name in locked, f"{requirement.name} is not locked: run `make lock`"
        assert all(version in requirement.specifier for version in locked[requirement.name]), requirement
    accelerator = re.compile(r"torch$|triton|nvidia|cuda")
    assert [name for name in locked if accelerator.match(name)] == []


def test_lock_names_no_host_and_hashes_every_pin(locked):
    text = (paths.root() / "requirements.lock").read_text()
    assert "://" not in text
    assert text.count("==") >= len(locked) > 100
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert [entry for entry in entries if "==" in entry.split("\n")[0] and "--hash=sha256" not in entry] == []


def test_tested_torch_is_inside_the_declared_range(declared):
    makefile = (paths.root() / "Makefile").read_text()
    tested = re.search(r"^TORCH \?= torch==(\S+)$", makefile, re.MULTILINE)[1]
    assert Version(tested) in declared["torch"].specifier


def test_git_tracks_the_library():
    """The stock Python .gitignore hides ``lib/``; ours must not."""
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "lib/smallbert/cli/report.py"], cwd=paths.root(), check=False
    )
    assert ignored.returncode == 1
