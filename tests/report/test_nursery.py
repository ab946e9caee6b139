"""Kernels that are forked from a process which has imported the libraries: the same report, sooner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from jupyter_client.kernelspec import KernelSpec

from smallbert import runtime
from smallbert.errors import StageError
from smallbert.report import forked, nursery
from smallbert.report.forked import ADDRESS, Forked, NurseryProvisioner
from smallbert.storage import read_json

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")

MARKED = "smallbert.report.compare_words"  # any module that no tiny notebook imports
SAY = "import json, os, sys\nfrom pathlib import Path\nPath({!r}).write_text(json.dumps({}))"
KINDS = {
    "imported": f"{MARKED!r} in sys.modules",
    "parent": "Path(f'/proc/{os.getppid()}/cmdline').read_text().split(chr(0))",
    "group": "os.getpgid(0) == os.getpid()",
    "cores": "sorted(os.sched_getaffinity(0))",
    "folder": "os.getcwd()",
    "hash seed": "hash('a')",
    "interrupted by": "__import__('signal').getsignal(2).__name__",
}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_forked_kernel_is_what_a_new_one_is_but_for_its_imports(project, write_body, run, jobs):
    said = {}
    for modules in ((), (MARKED,)):
        marks = [project.root / name for name in ("first.json", "second.json")]
        found = "{" + ", ".join(f"{name!r}: {code}" for name, code in KINDS.items()) + "}"
        for stem, mark in zip(("01_first", "02_second"), marks, strict=True):
            noise = 'print("to errors", file=sys.stderr)\nos.write(2, b"raw\\n")'
            project.write(stem, SAY.format(str(mark), found), noise, write_body(stem))
        run(stages := project.plan(force=True), jobs, modules)
        said[modules] = [json.loads(mark.read_text()) for mark in marks]
        log = (project.edition.executed / "01_first.log").read_text()
        assert "to errors" in log and "raw" in log
        assert "encryption" not in log and "Ctrl-C" not in log  # what ipykernel says of kernels that lack something
        assert all(10 * 2**20 < read_json(stage.record)["peak_memory_bytes"] < 2**31 for stage in stages)
    for plain, other in zip(*said.values(), strict=True):
        assert "smallbert.report.execute" in plain.pop("parent")
        assert "smallbert.report.nursery" in other.pop("parent")
        assert not plain.pop("imported") and other.pop("imported")
        assert plain == other and plain["group"]


def test_nothing_is_left_of_a_run(project, write_body, run):
    mark = project.root / "pid"
    project.write("01_first", SAY.format(str(mark), "[os.getpid(), os.getppid()]"), write_body("01_first"))
    run(project.plan(), modules=(MARKED,))
    assert not any(os.path.exists(f"/proc/{pid}") for pid in json.loads(mark.read_text()))


@pytest.mark.skipif(runtime.cores() < 2, reason="one core needs no workers")
def test_workers_have_what_their_kernel_imported_and_end_with_it(project, write_body, run, wait_until):
    mark = project.root / "said.json"
    body = "\n".join(
        [
            "import json, os, sys, time, concurrent.futures, multiprocessing",
            "from pathlib import Path",
            f'ask = \'["{MARKED}" in __import__("sys").modules, __import__("os").getppid()]\'',
            "with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('forkserver')) as pool:",
            "    said = [os.getpid(), *pool.submit(eval, ask).result()]",
            "from multiprocessing import forkserver",
            "os.kill(first := forkserver._forkserver._forkserver_pid, 9)",
            "while forkserver._forkserver._forkserver_pid is not None:",
            "    time.sleep(0.01)",
            "with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('forkserver')) as pool:",
            "    other = pool.submit(eval, ask).result()",
            "said += [other[0], other[1] == forkserver._forkserver._forkserver_pid != first]",
            f"Path({str(mark)!r}).write_text(json.dumps(said))",
        ]
    )
    project.write("01_first", body, write_body("01_first"))
    run(project.plan(), modules=(MARKED,))
    kernel, imported, server, *other = json.loads(mark.read_text())
    assert imported and server != kernel
    assert other == [False, True]  # one that was killed is replaced, as multiprocessing does it
    assert not os.path.exists(f"/proc/{kernel}")
    wait_until(lambda: not os.path.exists(f"/proc/{server}"))  # it sees that the kernel has ended


@pytest.mark.skipif(runtime.cores() < 2, reason="one core needs no workers")
def test_a_kernel_that_is_asked_to_end_need_not_wait_for_its_helpers(project, write_body, run):
    """It ends the children of its group, and waits for those that are still there, dead ones too."""
    mark = project.root / "said.json"
    body = "\n".join(
        [
            "import json, os, signal, time",
            "from multiprocessing import forkserver, resource_tracker",
            "from pathlib import Path",
            "tracker = resource_tracker._resource_tracker._pid",
            "server = forkserver._forkserver._forkserver_pid",
            "apart = os.getpgid(tracker) != os.getpgid(0) == os.getpgid(server)",
            "os.kill(server, signal.SIGTERM)",
            "end = time.monotonic() + 20",
            "while Path(f'/proc/{server}').exists() and time.monotonic() < end:",
            "    time.sleep(0.01)",
            f"Path({str(mark)!r}).write_text(json.dumps([apart, not Path(f'/proc/{{server}}').exists()]))",
        ]
    )
    project.write("01_first", body, write_body("01_first"))
    run(project.plan(), modules=(MARKED,))
    assert json.loads(mark.read_text()) == [True, True]


def test_one_stage_alone_and_nothing_to_import_need_no_nursery(project, run, monkeypatch):
    monkeypatch.setattr("smallbert.report.runner.nursery", None)  # calling it would be another error
    run(project.plan(only="01_first"), modules=(MARKED,))
    project.write("01_first", "1 / 0")
    with pytest.raises(StageError, match="ZeroDivisionError"):
        run(project.plan(force=True))


def test_a_module_that_cannot_be_imported_is_told_and_costs_no_page(project, write_body, run, capfd):
    mark = project.root / "imported"
    project.write("01_first", write_body("01_first"))
    project.write("02_second", SAY.format(str(mark), KINDS["imported"]), write_body("02_second"))
    seen = run(project.plan(), modules=("time", "no_such_module", MARKED))
    assert "done  02_second" in seen and mark.read_text() == "false"
    assert "No module named 'no_such_module'" in capfd.readouterr().err


def test_where_no_nursery_answers_processes_start_as_ever(project, write_body, run, monkeypatch):
    mark = project.root / "parent"
    parent = "Path(f'/proc/{os.getppid()}/cmdline').read_text()"
    project.write("01_first", SAY.format(str(mark), parent), write_body("01_first"))
    nowhere = contextlib.nullcontext({ADDRESS: str(project.root / "nobody")})
    monkeypatch.setattr("smallbert.report.runner.nursery", lambda environment, imported: nowhere)
    assert "done  02_second" in run(project.plan(), modules=(MARKED,))
    assert "smallbert.report.execute" in mark.read_text()


def test_kernels_end_with_the_runner_however_it_ends(tmp_path, wait_until):
    """As kill -9 ends it: nobody says anything, the pipe to the nursery closes."""
    script = (
        "import os, sys\nfrom smallbert.report.forked import Forked\nfrom smallbert.report.nursery import nursery\n"
        "with nursery(os.environ, []) as where:\n"
        "    command = [sys.executable, '-m', 'ipykernel_launcher', '-f', sys.argv[1] + '/connection.json']\n"
        "    kernel = Forked.ask(where['SMALLBERT_NURSERY'], command, os.environ, sys.argv[1])\n"
        "    print(kernel.pid, flush=True)\n    kernel.wait()\n"
    )
    asks = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert asks.stdout
    pid = int(asks.stdout.readline())
    wait_until((tmp_path / "connection.json").exists)  # it is up
    asks.kill()
    asks.wait()
    asks.stdout.close()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))


@pytest.fixture
def alive(tmp_path, wait_until):
    """A nursery, and how to ask it for a kernel that has connected."""
    with nursery.nursery(os.environ, [MARKED]) as where:

        def ask():
            path = tmp_path / "connection.json"
            path.unlink(missing_ok=True)
            kernel = Forked.ask(
                where[ADDRESS], ["python", "-m", "ipykernel_launcher", "-f", str(path)], os.environ, str(tmp_path)
            )
            wait_until(path.exists)
            return kernel

        ask.address = where[ADDRESS]
        yield ask


def test_a_kernel_is_a_process_as_subprocess_has_them(alive):
    kernel = alive()
    assert kernel.poll() is None and kernel.returncode is None
    with pytest.raises(subprocess.TimeoutExpired):
        kernel.wait(0.02)
    kernel.kill()
    assert kernel.wait() == kernel.poll() == kernel.returncode == -signal.SIGKILL
    assert Forked.largest > 10 * 2**20
    kernel.send_signal(signal.SIGTERM)  # too late, and no other process gets it
    second = alive()
    second.terminate()
    assert second.wait() != 0


def test_who_asks_and_goes_takes_the_kernel_along(alive, wait_until):
    kernel, other = alive(), alive()
    kernel._lines.close()
    kernel._connection.close()
    wait_until(lambda: not os.path.exists(f"/proc/{kernel.pid}"))
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.parametrize("forks", [True, False])
def test_what_a_started_process_says_is_its_output(forks, tmp_path):
    """The executor of a stage, given a job that is none."""
    job = tmp_path / "job.json"
    job.write_text("\N{SNOWMAN}")
    command = [sys.executable, "-m", "smallbert.report.execute", str(job)]
    with nursery.nursery(os.environ, ["smallbert.report.execute"]) as where:
        with forked.started(command, {**os.environ, **(where if forks else {})}) as process:
            assert isinstance(process, Forked) == forks
            said = process.stdout.read()
        assert process.returncode == 1 and process.stdout.closed
    assert f"{job}" in said and "DataError" in said


@pytest.mark.parametrize("message", [b"", b"no json\n", b"{}\n"])
def test_a_message_that_is_none_costs_nobody_a_kernel(alive, message):
    """Nor does it leave open the output that came with it."""
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, open(reading, "rb") as output:
        connection.connect(alive.address)
        socket.send_fds(connection, [message or b" "], [writing, writing])
        os.close(writing)
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(100), b""))
        assert (b'"pid"' in said, b'"status": 0' in said) == (message == b"{}\n", False)
        assert (b"KeyError" in output.read()) == (message == b"{}\n")
    kernel = alive()
    kernel.kill()
    kernel.wait()


def test_where_no_socket_can_be_kernels_start_as_ever(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with nursery.nursery(os.environ, [MARKED]) as where:
        assert where == {}


def test_an_environment_without_the_provisioner_starts_kernels_as_ever(tmp_path, monkeypatch):
    from jupyter_client.provisioning import KernelProvisionerFactory

    from smallbert.report import execute

    monkeypatch.setenv(ADDRESS, "anywhere")
    monkeypatch.setenv("JUPYTER_PATH", "")
    for there in (True, False):
        monkeypatch.setattr(KernelProvisionerFactory, "is_provisioner_available", lambda self, spec, there=there: there)
        execute._own_kernel(tmp_path)
        spec = read_json(tmp_path / "kernels" / "python3" / "kernel.json")
        assert ("kernel_provisioner" in spec["metadata"]) == there


def test_the_report_names_modules_that_there_are():
    import importlib.util

    found = nursery.modules()
    assert len(found) == len(set(found)) + 2  # page 1's come first, and again in their room's order
    assert all(importlib.util.find_spec(name) for name in found)


def test_jupyter_finds_the_provisioner():
    from jupyter_client.provisioning import KernelProvisionerFactory

    spec = KernelSpec(argv=["x"], metadata={"kernel_provisioner": {"provisioner_name": forked.PROVISIONER}})
    factory = KernelProvisionerFactory.instance()
    assert factory.is_provisioner_available(spec)
    made = factory.create_provisioner_instance("one", spec, parent=None)
    assert isinstance(made, NurseryProvisioner)
    assert asyncio.run(made.poll()) == 0
