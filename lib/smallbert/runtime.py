"""The machine a run finds: device, threads, number formats, memory."""

from __future__ import annotations

import os
import platform
import re
import resource
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from smallbert.errors import MachineError, UsageError

Precision = Literal["auto", "fp32", "bf16"]


def device(name: str = "auto") -> torch.device:
    """The device to compute on: ``auto`` takes the GPU where there is one, ``cpu`` or ``cuda`` insist.

    Raises:
        MachineError: ``cuda`` was asked for and there is none.
        UsageError: the name is none of the three.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"Expected device auto, cpu or cuda, got {name!r}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise MachineError("Device cuda was asked for, but torch sees no GPU.", "Use device=cpu or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@cache
def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def processor() -> str:
    """The processor's name as the operating system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@cache
def has_fast_bf16(kind: str = "cpu") -> bool:
    """Whether matrix products in bfloat16 run in hardware on a device of type ``kind``.

    On x86 that needs AVX512-BF16 or AMX; emulated bf16 is slower than fp32 and never chosen.
    """
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    info = Path("/proc/cpuinfo")
    flags = info.read_text(errors="replace") if info.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def dtype(precision: Precision, where: torch.device) -> torch.dtype:
    """The number format of matrix products: ``auto`` is bf16 where the hardware has it, else fp32."""
    if precision not in ("auto", "fp32", "bf16"):
        raise UsageError(f"Expected precision auto, fp32 or bf16, got {precision!r}.")
    wants_bf16 = precision == "bf16" or (precision == "auto" and has_fast_bf16(where.type))
    return torch.bfloat16 if wants_bf16 else torch.float32


def peak_memory_bytes() -> int:
    """The largest resident size this process has had so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux outlives exec: a child begins with its parent's peak
        told = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE)
        if told:
            return int(told[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
