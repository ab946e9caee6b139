"""Executes one notebook in a process of its own, and says in a file how that ended.

The runner starts it as ``python -m smallbert.report.execute JOB.json``. The kernel is this very interpreter,
whatever kernelspecs the user has; the notebook's standard error comes out as ours, while it runs.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from smallbert.report import engine
from smallbert.report.forked import ADDRESS, PARENT, PROVISIONER, Forked
from smallbert.storage import read_json, write_json

# Sockets on the loopback interface with keys, where the kernelspec says that the kernel takes them.
_KERNEL = Config(
    {"KernelManager": {"transport_encryption": "auto"}, "AsyncKernelManager": {"transport_encryption": "auto"}}
)

# Not there in an environment that was installed before there were any: kernels then start as ever.
_FORKED = KernelSpec(metadata={"kernel_provisioner": {"provisioner_name": PROVISIONER}})


def execute(notebook: Path, output: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run ``notebook`` and write the executed copy to ``output``.

    Returns:
        ``status`` (done, failed, killed), the failing cell's ``source``, ``error`` and ``message`` where it failed,
        and ``peak_memory_bytes`` of the kernel.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            _own_kernel(Path(folder))
            papermill.execute_notebook(
                notebook,
                output,
                parameters,
                engine_name=engine.NAME,
                kernel_name="python3",
                cwd=notebook.parent,
                progress_bar=False,
                stderr_file=sys.stderr,
                config=_KERNEL,
            )
        outcome: dict[str, Any] = {"status": "done"}
    except PapermillExecutionError as error:
        outcome = {"status": "failed", "source": error.source, "error": error.ename, "message": error.evalue}
    except DeadKernelError:
        outcome = {"status": "killed", "source": _last_started(output)}
    # Of the processes this one has waited for the kernel is the largest by far. Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {**outcome, "peak_memory_bytes": max(peak, Forked.largest)}


def _own_kernel(folder: Path) -> None:
    """Put a ``python3`` kernelspec of this interpreter ahead of all others."""
    spec = folder / "kernels" / "python3" / "kernel.json"
    arguments = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    metadata: dict[str, Any] = {"supported_encryption": ["curve"]}
    if ADDRESS in os.environ and KernelProvisionerFactory.instance().is_provisioner_available(_FORKED):
        metadata |= _FORKED.metadata
    kernel = {"argv": arguments, "display_name": "Python 3", "language": "python", "metadata": metadata}
    write_json(spec, kernel)
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))


def _last_started(output: Path) -> str:
    """Source of the last code cell that papermill marked as begun in the executed copy."""
    cells = json.loads(output.read_text(encoding="utf-8"))["cells"] if output.exists() else []
    begun = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
    return "".join(begun[-1]["source"]) if begun else ""


def _end_with(parent: int) -> None:
    """End this process, and through it the kernel, soon after the runner has died (kill -9, closed terminal).

    Otherwise the same command started again would find the old kernel still writing.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str]) -> None:
    """Do the job that a file describes, as a process that was started for it."""
    # Whoever started us may have died while we imported: then the parent that we find is another one.
    _end_with(int(os.environ.get(PARENT, os.getppid())))
    warnings.filterwarnings("ignore", module="papermill|nbclient|jupyter_client|zmq")
    job = read_json(Path(arguments[0]))
    if job["cores"]:
        os.sched_setaffinity(0, job["cores"])  # the kernel and its workers inherit it
    outcome = execute(Path(job["notebook"]), Path(job["output"]), job["parameters"])
    write_json(Path(job["outcome"]), outcome)


if __name__ == "__main__":
    main(sys.argv[1:])
