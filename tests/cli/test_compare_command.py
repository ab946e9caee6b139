"""``smallbert compare`` and ``smallbert check`` from the command line: output, files and exit codes."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from smallbert import cli, paths
from smallbert.storage import read_json, write_json

STEM = "03_layer_schedules"


@pytest.fixture
def copy(tmp_path):
    """One page of the default edition in a folder of its own."""
    source, results = paths.root() / "data/results/default", tmp_path / "out/data/results/default"
    shutil.copytree(source / STEM, results / STEM)
    record = read_json(source / "run.json")
    write_json(results / "run.json", record | {"stages": {STEM: record["stages"][STEM]}})
    return tmp_path / "out"


COLUMN = "least above PCA, train"


def bend(copy) -> tuple[float, float]:
    """Move one number of the page out of every tolerance: what it was and is."""
    path = copy / f"data/results/default/{STEM}/bound.csv"
    table = pd.read_csv(path)
    was = float(table[COLUMN][0])
    table.loc[0, COLUMN] = 10 * was
    table.to_csv(path, index=False)
    return was, 10 * was


def test_the_same_ends_with_0_and_a_difference_with_1(copy, capsys):
    assert cli.main(["compare", str(copy), str(copy)]) == 0
    assert "are the same in all" in capsys.readouterr().out
    twin = shutil.copytree(copy, copy.parent / "twin")
    was, now = bend(twin)
    assert cli.main(["compare", str(copy), str(twin)]) == 1
    out = capsys.readouterr().out
    assert "1 cell though nothing was set otherwise" in out
    assert COLUMN in out and f"{was:.5g}" in out and f"{now:.5g}" in out


def test_json_and_html(copy, capsys):
    path = copy.parent / "compared.html"
    assert cli.main(["compare", "default", str(copy), "--json", "--html", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["differs"] and not told["cells"]
    published = read_json(paths.root() / "data/results/default/run.json")["stages"]
    missing = [one["name"] for one in told["missing"] if one["what"] == "page"]
    assert missing == [stem for stem in sorted(published) if stem != STEM]
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_check_of_a_part_says_what_is_missing(copy, capsys):
    # Held to the commit, or to the project's folder where there is none.
    assert cli.main(["check", str(copy)]) == 1
    assert "published and missing" in capsys.readouterr().out


def test_check_ends_with_0_where_all_is_there(copy, capsys, monkeypatch):
    project = shutil.copytree(copy, copy.parent / "project")
    monkeypatch.setenv("SMALLBERT_ROOT", str(project))
    assert cli.main(["check", str(copy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reproduces"] and told["reasons"] == [] and "exact" in told["tolerances"].values()
    bend(copy)
    assert cli.main(["check", str(copy)]) == 1
    out = capsys.readouterr().out
    assert "does not reproduce the published edition default: 1 cell outside" in out and "tolerance" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compare", "default", "defualt"], 2, "Expected an edition or a folder of results, got 'defualt'"),
        (["compare", "default", "tests"], 3, "is no run: expected run.json in it"),
        (["check", "nothing"], 2, "Editions: "),
    ],
)
def test_mistakes_have_their_own_exit_codes(arguments, code, message, capsys, monkeypatch):
    monkeypatch.chdir(paths.root())
    assert cli.main(arguments) == code
    assert message in capsys.readouterr().err


def test_help_needs_no_heavy_library():
    code = (
        "import sys\nfrom smallbert import cli\n"
        "try:\n    cli.main(['compare', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Exit code: 0 the same or within noise, 1 they differ." in " ".join(done.stdout.split())
