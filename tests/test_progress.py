"""Progress says how far, how fast and how long still; resumed work does not count into the rate."""

import io

import pytest

from smallbert.progress import Progress, duration


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_come_from_this_run_only():
    clock, stream = Clock(), io.StringIO()
    with Progress("embed", 1000, done=500, stream=stream, clock=clock) as progress:
        clock.now = 20
        progress.advance(100)
        assert progress.line() == "embed: 600/1,000 rows (60%), 5.0/s, 80 s left"
    assert stream.getvalue().splitlines()[-1] == "embed: 600/1,000 rows (60%), 5.0/s, 80 s left"


def test_a_log_gets_a_line_every_so_often_and_the_last():
    clock, stream = Clock(), io.StringIO()
    with Progress("train", 100, "steps", every=10, stream=stream, clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.25
            progress.advance()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3  # at 10 s, at 20 s, and the end
    assert lines[-1] == "train: 100/100 steps (100%), 4.0/s, 25 s in all"
    assert "\r" not in stream.getvalue()


def test_the_last_line_is_printed_once():
    clock, stream = Clock(), io.StringIO()
    with Progress("train", 10, "steps", every=10, stream=stream, clock=clock) as progress:
        clock.now = 20
        progress.advance(10)
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_read_as_a_person_would_say_them(seconds, text):
    assert duration(seconds) == text


def test_nothing_to_do_is_done():
    assert Progress("none", 0, stream=io.StringIO()).line().startswith("none: 0/0 rows (100%)")
