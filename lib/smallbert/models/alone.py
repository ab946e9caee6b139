"""One training a folder at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from smallbert import storage
from smallbert.models import parallel


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold a folder while training into it; a second run waits, and should then look for what the first has finished.

    Two runs that wrote one folder would train the same twice, and each would remove the other's checkpoint. Of
    processes that share one training (:mod:`smallbert.models.parallel`) the first holds it for all.

    Raises:
        MachineError: the folder cannot be made or written.
    """
    storage.make_folder(out)
    with storage.lock(out, "training", wait=True) if parallel.here().first else nullcontext():
        parallel.wait()
        yield
