"""What a person sees while the report runs: plain lines, and on a terminal one live line under them."""

from __future__ import annotations

import re
import shutil
import sys
import threading
from typing import TextIO

_PROGRESS = re.compile(r"[^:]+: [\d,]+/[\d,]+ \S+ \(\d+%\)")
"""A line of :class:`smallbert.progress.Progress`."""


class Console:
    """Prints for several stages at once.

    Args:
        stream: where to print; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._live: dict[str, str] = {}
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        with self._lock:
            clear = "\r\x1b[K" if self._tty and self._live else ""
            print(f"{clear}{text}", file=self._stream, flush=True)

    def relay(self, stage: str, line: str) -> None:
        """Show a line that a stage's notebook wrote to standard error, if it tells progress."""
        line = line.strip()
        if not _PROGRESS.match(line):
            return
        if not self._tty:
            self.say(f"      {stage}  {line}")
            return
        with self._lock:
            self._live[stage] = line
            text = "   ".join(f"{name[:2]} {one}" for name, one in sorted(self._live.items()))
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=self._stream, flush=True)

    def end(self, stage: str, text: str) -> None:
        """Print a stage's last line and forget its live one."""
        self.say(text)
        with self._lock:
            self._live.pop(stage, None)
