"""Where numbers come from: the code's commit, the packages' versions, the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from typing import Any

from smallbert import __version__, paths

PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn", "pandas", "pyarrow", "papermill")
"""Packages whose versions can move a published number."""

_SOURCES = ("lib", "notebooks", "pyproject.toml", "requirements.lock", "data/*.toml", "data/world")


def commit() -> dict[str, Any]:
    """The checkout's ``commit`` (short hash) and whether its sources are ``modified`` since.

    Both are None outside a git checkout or before its first commit.
    """
    sha = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", *_SOURCES) if sha else None
    return {"commit": sha, "modified": None if changed is None else bool(changed)}


def versions() -> dict[str, str]:
    """Versions of smallbert, Python and the packages in :data:`PACKAGES` that are installed."""
    found = {"smallbert": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory in GiB, system, and the GPU with its driver where there is one."""
    # torch takes seconds to load, and most commands that import this module never ask for the machine.
    import torch

    from smallbert import runtime

    found: dict[str, Any] = {
        "processor": runtime.processor(),
        "cores": runtime.cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "device": "cpu",
        "bf16_in_hardware": runtime.has_fast_bf16(),
    }
    if torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
        found["gpu_memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
        found["cuda"] = torch.version.cuda
        found["bf16_in_hardware"] = runtime.has_fast_bf16("cuda")
    return found


def stamp() -> dict[str, Any]:
    """Everything above in one record of plain data: ``commit``, ``modified``, ``versions``, ``machine``."""
    return {**commit(), "versions": versions(), "machine": machine()}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(paths.root()), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
