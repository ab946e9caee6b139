"""Files that nobody meant to be read: valid ones with damage, and the rules a reader of them must keep."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st

from smallbert.corpus.tally import BadRow, Tally
from smallbert.errors import SmallbertError

REPEATABLE = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
"""Settings of hypothesis: the same files at every run and nothing kept. How long a file may take is watched by
:func:`within`, since a shared machine stalls longer than a deadline of milliseconds would forgive."""

LONGEST = 20.0
"""Seconds that a file of a few hundred bytes may take; far more than any does, far less than for ever."""

SCRAPS = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\r\n", b'"', b'""', b"'", b",", b"\t", b";", b"\\", b"#", b"##", b" "),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(
        b"\\ud800",
        b"\\u0000",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\x0b",
        b"\x0c",
        b"\x1c",
        b"\x1b[2J\x1b[H",
        b"\xe2\x80\xae",
    ),
    *(b"NaN", b"-Infinity", b"null", b"true", b"1e999", b"-1", b"9" * 5000, b"0x10", b"{}", b"[]", b"[[", b"}"),
    *(b"[" * 100_000, b'{"a":' * 3000, b'"' + b"x" * 70_000, b"y" * 70_000, b"a," * 300, b"\t" * 40, b"\n" * 50),
    *(b"<script>alert(1)</script>", b"=cmd|' /C calc'!A0", b"../../etc/passwd", b"${jndi:x}", b"%s%n", b"[[task]]"),
)
"""What is put into files: what quoting, line ends, encodings, numbers and nesting break on."""

WAYS = ("flip", "cut", "keep end", "insert", "replace", "delete", "repeat", "swap lines", "duplicate line", "random")

Damage = tuple[str, int, int]

damages = st.lists(
    st.tuples(st.sampled_from(WAYS), st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1)), min_size=1, max_size=3
)
"""A few injuries: their way, where (of 2**16) and of what."""


def damaged(content: bytes, injuries: list[Damage]) -> bytes:
    """A file after its injuries; a function of its arguments alone."""
    for way, place, what in injuries:
        at = place * (len(content) + 1) >> 16
        scrap = SCRAPS[what % len(SCRAPS)]
        size = what % 40 + 1
        if way == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ 1 << what % 8]) + content[at + 1 :]
        elif way == "cut":
            content = content[:at]
        elif way == "keep end":
            content = content[at:]
        elif way == "insert":
            content = content[:at] + scrap + content[at:]
        elif way == "replace":
            content = content[:at] + scrap + content[at + len(scrap) :]
        elif way == "delete":
            content = content[:at] + content[at + size :]
        elif way == "repeat":
            content = content[:at] + content[at : at + size] * (what % 7) + content[at:]
        elif way in ("swap lines", "duplicate line"):
            lines = content.splitlines(keepends=True)
            if lines:
                one, other = at % len(lines), what % len(lines)
                if way == "swap lines":
                    lines[one], lines[other] = lines[other], lines[one]
                else:
                    lines.insert(one, lines[other])
            content = b"".join(lines)
        elif way == "random":
            content = content[:at] + random.Random(what).randbytes(size) + content[at + size :]
    return content


class Ledger(Tally):
    """A tally that stops at no number of bad rows and keeps every one."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.bad: list[tuple[str, BadRow]] = []

    def add(self, where: str, bad: BadRow) -> None:
        self.bad.append((where, bad))
        super().add(where, bad)


@contextmanager
def within(seconds: float = LONGEST) -> Iterator[None]:
    """Fail where the block does not end in time."""

    def ring(*_: object) -> None:
        raise AssertionError(f"still at it after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(read: Callable[[], Any]) -> Any:
    """What a reader returns, or the error made for users that it raises; any other error fails the test."""
    with within():
        try:
            return read()
        except SmallbertError as error:
            assert error.message
            assert "\x1b" not in error.message, "an error that moves a terminal's cursor"
            return error
