"""The commands that hold runs against each other: ``smallbert compare | check``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smallbert.report.compare import Comparison
    from smallbert.report.compare_check import Reproduction

_RUN = "an edition, a folder of results, or the folder that `smallbert run --out` was given"


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
    compare = commands.add_parser(
        "compare",
        help="what differs between two runs: settings, environment, numbers, figures",
        description="What differs between two runs, and which differences are more than noise. Times are shown apart "
        "and never count. Exit code: 0 the same or within noise, 1 they differ.",
    )
    compare.add_argument("a", metavar="RUN_A", help=_RUN)
    compare.add_argument("b", metavar="RUN_B", help="another")
    _add_outputs(compare)
    compare.set_defaults(command=_compare)

    check = commands.add_parser(
        "check",
        help="does a run reproduce the published edition of its name?",
        description="Does a run reproduce the published edition of its name, as committed? Exit code: 0 yes, within "
        "the tolerances that are printed; 1 no.",
    )
    check.add_argument("run", metavar="RUN", help=_RUN)
    _add_outputs(check)
    check.set_defaults(command=_check)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--html", type=Path, metavar="OUT", help="write a page with every table and figure side by side"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _compare(options: argparse.Namespace) -> int:
    from smallbert.report.compare import compare
    from smallbert.report.compare_runs import open_run
    from smallbert.report.compare_words import summary

    found = compare(open_run(options.a), open_run(options.b))
    _tell(options, summary(found), found)
    return int(found.differs)


def _check(options: argparse.Namespace) -> int:
    from smallbert.report.compare import compare
    from smallbert.report.compare_check import check
    from smallbert.report.compare_runs import open_run, published
    from smallbert.report.compare_words import check_summary

    run = open_run(options.run)
    with published(run) as edition:
        found = check(compare(edition, run))
        _tell(options, check_summary(found), found.comparison, found)
    return int(not found.reproduces)


def _tell(
    options: argparse.Namespace, lines: list[str], comparison: Comparison, found: Reproduction | None = None
) -> None:
    from smallbert.report.compare_words import as_json

    if options.html:
        from smallbert.report.compare_page import write_page

        write_page(options.html, comparison, found)
        lines = [*lines, "", f"page: {options.html}"]
    print(json.dumps(as_json(comparison, found), ensure_ascii=False, indent=1) if options.json else "\n".join(lines))
