"""Real kernels on tiny notebooks: order, resume, failure, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from smallbert import cli
from smallbert.errors import StageError
from smallbert.report.forked import PARENT
from smallbert.report.record import read_run
from smallbert.report.runner import Runner
from smallbert.storage import write_json

FORKED = pytest.param(("json",), marks=pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux alone"))
KERNELS = pytest.mark.parametrize("modules", [(), FORKED], ids=["new", "forked"])
"""However kernels start: modules that a nursery imports for them, or none of either."""


def test_one_command_executes_records_renders_and_the_second_time_keeps_it_all(
    project, write_body, monkeypatch, capsys
):
    # A kernelspec of another environment lies first on Jupyter's path: the kernel must be ours all the same.
    foreign = project.root / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(project.root / "jupyter"))
    say = (
        f"import sys\nassert sys.prefix == {sys.prefix!r}\n"
        'print("embed: 10/20 rows (50%), 5.0/s", file=sys.stderr)\nprint("a warning", file=sys.stderr)'
    )
    project.write("01_first", say, write_body("01_first"))
    renamed = project.edition.figures / "01_first__old_name.svg"
    renamed.parent.mkdir(parents=True)
    renamed.write_text("of an earlier run")

    assert cli.main(["run", "--profile", "tiny", "-p", "seed=3"]) == 0
    assert not renamed.exists()
    seen = capsys.readouterr()
    assert "start 01_first  (new)" in seen.err
    assert seen.err.index("done  01_first") < seen.err.index("start 02_second")
    assert "01_first  embed: 10/20 rows (50%)" in seen.err
    log = project.edition.executed / "01_first.log"
    assert "a warning" not in seen.err and "a warning" in log.read_text()

    first_page = project.root / "report" / "tiny" / "index.html"
    assert seen.out == f"{first_page}\n"
    assert "The seed was <strong>3</strong>." in first_page.read_text()
    assert "smallbert run --profile tiny -p seed=3" in first_page.read_text()
    record = read_run(project.edition)
    assert list(record["stages"]) == ["01_first", "02_second"]
    assert record["stages"]["01_first"]["parameters"]["seed"] == 3
    assert record["stages"]["01_first"]["peak_memory_bytes"] > 10 * 2**20
    for stage in record["stages"].values():
        assert stage["versions"] == record["versions"] and stage["machine"]["cores"] >= 1

    assert cli.main(["run", "--profile", "tiny", "-p", "seed=3"]) == 0
    assert capsys.readouterr().err.count("up to date") == 2


def test_failed_stage_tells_five_lines_and_is_run_again(project, write_body, run):
    project.write("01_first", "x = 1", "y = x\n1 / 0  # never")
    with pytest.raises(StageError) as caught:
        run(project.plan())
    lines = [*caught.value.message.splitlines(), caught.value.hint]
    assert len(lines) == 5
    assert lines[0] == "01_first failed in cell 4 of 4: `y = x`"
    assert lines[1] == "  ZeroDivisionError: division by zero"
    assert lines[2].endswith("01_first.log") and lines[3].endswith("01_first.ipynb")
    assert "jupyter lab" in lines[4] and "finished stages are kept" in lines[4]
    assert project.reasons() == {"01_first": ("did not finish last time",), "02_second": ("new",)}
    project.write("01_first", write_body("01_first"))
    assert "done  01_first" in run(project.plan(only="01_first"))


RECORD = """\
from smallbert.paths import edition as folders
from smallbert.results import Results
Results(folders(edition), "02_second").record("""


def test_values_of_an_earlier_run_do_not_stay(project, run):
    values = project.edition.results / "02_second" / "values.json"
    project.write("02_second", f"{RECORD}old=1, both=1)")
    run(project.plan())
    project.write("02_second", f"{RECORD}both=2)", "1 / 0")
    with pytest.raises(StageError):
        run(project.plan())
    assert json.loads(values.read_text()) == {"old": 1, "both": 1}  # a run that failed loses nothing
    project.write("02_second", f"{RECORD}both=2)")
    run(project.plan())
    assert json.loads(values.read_text()) == {"both": 2}


def test_a_page_alone_takes_those_made_from_its_earlier_run_off_the_report(project, capsys):
    assert cli.main(["run", "--profile", "tiny"]) == 0
    assert "left out" not in capsys.readouterr().err
    page = project.root / "report" / "tiny" / "02_second.html"
    before = page.read_bytes()
    assert cli.main(["run", "--profile", "tiny", "--only", "01", "-p", "rows=4"]) == 0
    told = capsys.readouterr()
    assert told.err.endswith(
        "left out 02_second: made from an earlier run of 01_first\n"
        "to have them again: smallbert run --profile tiny -p rows=4\n"
    )
    first = Path(told.out.strip()).read_text()
    assert "02_second.html" not in first and "stand on an earlier run of another page" in first
    assert '<pre class="command">smallbert run --profile tiny -p rows=4 --only 01_first</pre>' in first
    assert page.read_bytes() == before
    assert cli.main(["render", "--edition", "tiny"]) == 0
    assert "to have them again: smallbert run --edition tiny" in capsys.readouterr().err


def test_an_error_that_says_what_to_do_sends_nobody_into_the_notebook(project, run):
    raised = "from smallbert.errors import DataError\nraise DataError('Expected rows.', 'Add rows.')"
    project.write("01_first", "x = 1", raised)
    with pytest.raises(StageError) as caught:
        run(project.plan())
    assert caught.value.message.splitlines()[1] == "  Expected rows. Add rows."
    assert caught.value.hint == "Do what it says, then run the same command again: finished stages are kept."


@KERNELS
def test_killed_kernel_is_named_with_the_cell_and_memory(project, run, modules):
    project.write("01_first", "x = 1", "import os\nos._exit(9)")
    with pytest.raises(StageError, match=r"01_first failed in cell 4 of 4: `import os`") as caught:
        run(project.plan(), modules=modules)
    assert "killed, most often for lack of memory" in caught.value.message
    assert "smaller profile" in caught.value.hint


def test_notebook_that_leaves_old_files_alone_fails(project, run):
    stages = project.plan(only="01_first")
    for path in stages[0].expected():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of an earlier run")
    project.write("01_first", "STEM = '01_first'")
    with pytest.raises(StageError, match=r"did not write data/results/tiny/01_first/values\.json and 3 more"):
        run(stages)


@pytest.mark.slow
def test_independent_notebooks_run_at_once_and_dependent_ones_wait(project, write_body, monkeypatch, run):
    from smallbert.report import parameters
    from smallbert.report.parameters import Parameters

    class Third(Parameters):
        needs = ("01_first",)

    monkeypatch.setitem(parameters.MODELS, "03_third", Third)
    # Each waits for the other's mark, so one after the other would time out.
    meet = (
        "import os, time\nfrom pathlib import Path\nmine, other = Path({0!r}), Path({1!r})\n"
        "mine.write_text(repr(sorted(getattr(os, 'sched_getaffinity', lambda _: ())(0))))\n"
        "end = time.time() + 20\nwhile not other.exists():\n    assert time.time() < end\n    time.sleep(0.05)"
    )
    marks = [str(project.root / name) for name in ("a", "b")]
    project.write("02_second", meet.format(*marks), write_body("02_second"))
    project.write("03_third", meet.format(*reversed(marks)), write_body("03_third"))
    seen = run(project.plan(), jobs=2)
    assert seen.index("done  01_first") < min(seen.index("start 02_second"), seen.index("start 03_third"))
    assert "done  02_second" in seen and "done  03_third" in seen
    first, second = (set(json.loads(Path(mark).read_text())) for mark in marks)
    if not hasattr(os, "sched_getaffinity"):
        return
    cores = os.sched_getaffinity(0)
    assert len(first) == len(second) == max(1, len(cores) // 2)
    assert len(cores) == 1 or (first | second <= cores and not first & second)


def test_side_by_side_those_go_first_that_others_wait_for(project, monkeypatch, run):
    from smallbert.report import parameters
    from smallbert.report.parameters import Parameters

    class Leaf(Parameters):
        needs = ("01_first",)

    class Last(Parameters):
        needs = ("04_fourth",)

    for stem, model in {"03_third": Leaf, "04_fourth": Leaf, "05_fifth": Last}.items():
        monkeypatch.setitem(parameters.MODELS, stem, model)
        project.write(stem, "pass")
    begun, pair = [], threading.Barrier(2, timeout=20)

    def begin(self, stage, stamp):
        begun.append(stage.stem[:2])
        if stage.stem != "01_first":
            pair.wait()

    monkeypatch.setattr(Runner, "_run", begin)
    run(project.plan(), jobs=2)
    assert [begun[:1], sorted(begun[1:3]), sorted(begun[3:])] == [["01"], ["02", "04"], ["03", "05"]]
    begun.clear()
    monkeypatch.setattr(Runner, "_run", lambda self, stage, stamp: begun.append(stage.stem[:2]))
    run(project.plan(), jobs=1)
    assert begun == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize(("jobs", "expected"), [(1, []), (2, ["01_first"])])
def test_finished_stages_are_dealt_with_while_fewer_run_than_may(project, jobs, expected):
    seen = []

    def meanwhile(stage):
        seen.append(stage.stem)
        assert stage.executed.exists()
        raise StageError("told by whoever does it again")

    stages = project.plan()
    Runner("tiny", [], jobs=jobs, meanwhile=meanwhile).run(stages)
    assert seen == expected
    assert project.reasons() == {"01_first": (), "02_second": ()}


def gone(pid):
    """Whether there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def keyboard():
    """Ctrl-C as a terminal has it: a shell's background job, such as a runner of CI, ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@KERNELS
@pytest.mark.usefixtures("keyboard")
def test_interrupt_takes_the_kernel_down(project, run, wait_until, modules):
    mark = project.root / "pid"
    code = (
        f"import os, time\nfrom pathlib import Path\nPath({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    project.write("01_first", code)

    def press_ctrl_c():
        wait_until(lambda: mark.exists() and mark.read_text())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(project.plan(), modules=modules)
    wait_until(lambda: gone(int(mark.read_text())))
    assert project.reasons() == {"01_first": ("did not finish last time",), "02_second": ("new",)}


def write_job(project, code):
    """What a runner tells the executor of a notebook with this code."""
    job = project.root / "job.json"
    ends = {"output": project.root / "out.ipynb", "outcome": project.root / "outcome.json"}
    write_json(job, {"notebook": project.write("01_first", code), "parameters": {}, "cores": [], **ends})
    return job


def test_kernel_ends_when_the_runner_is_killed(project, wait_until, run):
    mark = project.root / "pid"
    code = (
        f"import os, time\nfrom pathlib import Path\nPath({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    job = write_job(project, code)
    start = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'smallbert.report.execute', sys.argv[1]])"
    runner = subprocess.Popen([sys.executable, "-c", start, str(job)], stderr=subprocess.DEVNULL)
    wait_until(lambda: mark.exists() and mark.read_text())
    runner.kill()
    runner.wait()
    wait_until(lambda: gone(int(mark.read_text())))


def test_an_executor_whose_runner_died_while_it_imported_ends(project):
    """Then its parent is no longer who started it, from the first look on."""
    mark = project.root / "mark"
    code = f"import time\nfrom pathlib import Path\ntime.sleep(20)\nPath({str(mark)!r}).write_text('went on')"
    job = write_job(project, code)
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    executor = subprocess.run(
        [sys.executable, "-m", "smallbert.report.execute", str(job)],
        env={**os.environ, PARENT: str(died.pid)},
        stderr=subprocess.DEVNULL,
        timeout=15,
    )
    assert executor.returncode == -signal.SIGTERM and not mark.exists()
