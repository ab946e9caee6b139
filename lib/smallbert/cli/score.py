"""The command that scores predictions of others: ``smallbert score squad``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallbert.cli.arguments import print_table
from smallbert.errors import DataError, UsageError

if TYPE_CHECKING:
    from smallbert.measure.tasks.spans import Report, Scores

_SHOWN = 5
"""Missing predictions that are named; all are counted."""


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
    score = commands.add_parser("score", help="score predictions as a task's official script does")
    tasks = score.add_subparsers(title="tasks", metavar="TASK", required=True)
    squad = tasks.add_parser(
        "squad",
        help="exact match and F1 on SQuAD 1.1 or 2.0 or a file of their form",
        description="Exact match and F1 in per cent, equal to the official scripts of SQuAD 1.1 and 2.0.",
    )
    squad.add_argument(
        "gold", metavar="GOLD", type=Path, help="the questions: JSON of SQuAD 1.1 or 2.0; the version is the file's own"
    )
    squad.add_argument(
        "predictions", metavar="PREDICTIONS", type=Path, help='JSON object {"question id": "predicted answer"}'
    )
    squad.add_argument(
        "--na-probs",
        type=Path,
        metavar="FILE",
        help='JSON object {"question id": probability of no answer}, to search the best threshold',
    )
    squad.add_argument(
        "--na-prob-thresh",
        type=float,
        default=1.0,
        metavar="NUMBER",
        help="a prediction counts as no answer where its probability of that is higher (%(default)s)",
    )
    squad.add_argument("--json", action="store_true", help="print one JSON object with the official scripts' keys")
    squad.set_defaults(command=_squad)


def _squad(options: argparse.Namespace) -> None:
    from smallbert.corpus.tasks import squad
    from smallbert.measure.tasks import spans

    gold = squad.load(options.gold)
    if options.na_probs and not gold.unanswerable:
        raise UsageError(f"--na-probs has no meaning for {options.gold.name}: each of its questions has an answer.")
    predictions = _table(options.predictions, (str,), "predicted answer")
    na_probs = options.na_probs and _table(options.na_probs, (int, float), "probability of no answer")
    report = spans.score(
        gold.questions,
        predictions,
        unanswerable=gold.unanswerable,
        na_probs=na_probs,
        na_prob_threshold=options.na_prob_thresh,
    )
    if report.missing:
        named = ", ".join(report.missing[:_SHOWN]) + (", ..." if len(report.missing) > _SHOWN else "")
        print(
            f"warning: {len(report.missing):,} of {report.all.questions:,} questions have no prediction and score 0: "
            f"{named}",
            file=sys.stderr,
        )
    if options.json:
        print(json.dumps(_official(report, gold.unanswerable), indent=2))
    else:
        _print(report, gold.unanswerable)


def _table(path: Path, kinds: tuple[type, ...], meaning: str) -> dict[str, Any]:
    """A JSON object from question ids to values of these kinds."""
    from smallbert.corpus.tasks import documents

    table = documents.expect(documents.load(path), dict, path.name)
    for key, value in table.items():
        if type(value) not in kinds:
            raise DataError(
                f"{path.name}: {key[:60]!r}: expected a {meaning}, got {json.dumps(value)[:60]}.",
                'Write one JSON object {"question id": ' + meaning + "}; are the files in the right order?",
            )
    return table


def _print(report: Report, unanswerable: bool) -> None:
    parts: dict[str, Scores | None] = {"all": report.all}
    if unanswerable:
        parts |= {"answerable": report.answerable, "unanswerable": report.unanswerable}
    rows = [
        (name, f"{part.questions:>9,}", f"{part.exact:6.2f}", f"{part.f1:6.2f}") for name, part in parts.items() if part
    ]
    print_table([("", "questions", "    EM", "    F1"), *rows])
    for name, best in (("EM", report.best_exact), ("F1", report.best_f1)):
        if best:
            print(f"best {name} {best.score:.2f} at a threshold of {best.threshold:g}")


def _official(report: Report, unanswerable: bool) -> dict[str, float]:
    """The scores under the names the official scripts print, and how many predictions are missing."""
    exact = "exact" if unanswerable else "exact_match"
    table = {exact: report.all.exact, "f1": report.all.f1, "total": report.all.questions}
    if unanswerable:
        for prefix, part in (("HasAns", report.answerable), ("NoAns", report.unanswerable)):
            if part:
                table |= {f"{prefix}_exact": part.exact, f"{prefix}_f1": part.f1, f"{prefix}_total": part.questions}
    for name, best in (("exact", report.best_exact), ("f1", report.best_f1)):
        if best:
            table |= {f"best_{name}": best.score, f"best_{name}_thresh": best.threshold}
    return table | {"missing": len(report.missing)}
