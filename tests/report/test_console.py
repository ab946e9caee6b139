"""One live line on a terminal, plain lines in a log."""

from __future__ import annotations

import io

from smallbert.report.console import Console

PROGRESS = "embed: 1,000/20,000 rows (5%), 500.0/s, 38 s left"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_log_gets_progress_as_lines_and_nothing_else():
    log = io.StringIO()
    console = Console(log)
    console.relay("01_first", PROGRESS + "\n")
    console.relay("01_first", "UserWarning: something\n")
    console.end("01_first", "done")
    assert log.getvalue() == f"      01_first  {PROGRESS}\ndone\n"


def test_terminal_gets_one_line_for_all_stages_cut_to_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    screen = Terminal()
    console = Console(screen)
    console.relay("02_second", PROGRESS)
    console.relay("03_third", PROGRESS)
    live = screen.getvalue().rsplit("\r", 1)[1]
    assert live == "\x1b[K" + f"02 {PROGRESS}   03 {PROGRESS}"[:59]
    console.end("02_second", "done  02_second")
    assert screen.getvalue().endswith("\r\x1b[Kdone  02_second\n")
    console.relay("03_third", PROGRESS)
    assert "02 embed" not in screen.getvalue().rsplit("\r", 1)[1]
