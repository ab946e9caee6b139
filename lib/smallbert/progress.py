"""Progress of long work: one live line on a terminal, sparse plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Counts finished units and prints rate and time left.

    Args:
        label: what is being done.
        total: units to do (rows, cells, steps); fixed before the work starts.
        unit: name of one unit, plural.
        done: units already finished by an earlier run; they do not count into the rate.
        every: seconds between two lines where the output is no terminal.
        stream: where to print; standard error by default, so that results stay clean.
        clock: seconds as a function of nothing (tests pass their own).

    Use as a context manager; the last line is always printed, once.
    """

    def __init__(
        self,
        label: str,
        total: int,
        unit: str = "rows",
        *,
        done: int = 0,
        every: float = 10.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done, self._resumed = done, done
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._every = 0.2 if self._live else every
        self._clock = clock
        self._start = self._last = clock()
        self._told = -1

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live or self._told != self.done or self.done < self.total:
            self._print(end="\n")

    def advance(self, units: int = 1) -> None:
        """Add ``units`` finished units and print if it is time to."""
        self.done += units
        now = self._clock()
        if now - self._last >= self._every:
            self._last = now
            self._print(end="\r" if self._live else "\n")

    def line(self) -> str:
        """The line as it would be printed now."""
        seconds = max(self._clock() - self._start, 1e-9)
        rate = (self.done - self._resumed) / seconds
        share = 100 * self.done / self.total if self.total else 100.0
        text = f"{self.label}: {self.done:,}/{self.total:,} {self.unit} ({share:.0f}%), {rate:,.1f}/s"
        if self.done >= self.total:
            return f"{text}, {duration(seconds)} in all"
        return f"{text}, {duration((self.total - self.done) / rate)} left" if rate > 0 else text

    def _print(self, end: str) -> None:
        self._told = self.done
        print(self.line() + (" " * 8 if self._live else ""), end=end, file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
