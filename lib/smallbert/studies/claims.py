"""The claims audit: every claim of the original write-ups, with a verdict that an edition's results decide.

What is claimed stands in ``data/claims.toml``. A verdict is computed from the tables and figures that the pages wrote;
the comparisons there are corrected for their number, and a universal claim falls with one sure exception. Some claims
are about what a paper says or defines: these its source decides, and their ``basis`` says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from smallbert import paths
from smallbert.errors import DataError
from smallbert.results import Results
from smallbert.studies import claims_checks as checks
from smallbert.studies import claims_sources as sources
from smallbert.studies.claims_checks import FAILS, HOLDS, NOTHING, OPEN, SOURCE, UNMEASURED, VERDICTS, Finding, Verdict
from smallbert.studies.claims_sources import LOOKED_UP


@dataclass(frozen=True)
class Claim:
    """One claim of a write-up.

    Args:
        id: names its check.
        claim: what is said.
        write_up: where.
        takes: what a fair test of it needs.
        source: what the work it reports says itself; empty for a finding of the write-up's own.
    """

    id: str
    claim: str
    write_up: str
    takes: str
    source: str


CHECKS: dict[str, Callable[[Results], Finding]] = {
    "depth-order": checks.depth_order,
    "bottleneck-heavy": checks.bottleneck_heavy,
    "converges": checks.converges,
    "factorised-speed": checks.factorised_speed,
    "what-sharing-costs": checks.what_sharing_costs,
    "next-sentence": checks.next_sentence,
    "shorter-and-better": checks.shorter_and_better,
    "bert-numbers": sources.bert_numbers,
    "two-steps": sources.two_steps,
    "bigger-is-better": checks.bigger_is_better,
    "small-batches": checks.small_batches,
    "only-soft-targets": sources.only_soft_targets,
    "shrunk-teacher": sources.shrunk_teacher,
    "facts-not-in-the-text": checks.facts_not_in_the_text,
    "knowledge-graph": checks.knowledge_graph,
}
"""Claims that something run here can tell about."""

BY_SOURCE = {"venue", "two-steps", "only-soft-targets", "shrunk-teacher"}
"""Claims about a publication: what it says or defines itself, the claim's source, refutes them in every edition; a
check, where there is one, adds what an edition has of it."""


def load(path: Path | None = None) -> list[Claim]:
    """All claims, in the order of the file.

    Args:
        path: another file than the project's ``data/claims.toml``.

    Raises:
        DataError: the file is missing or no TOML, or a claim lacks a field, has an unknown one or repeats an id.
    """
    path = path or paths.data() / "claims.toml"
    try:
        with path.open("rb") as file:
            entries = tomllib.load(file)["claim"]
    except (FileNotFoundError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise DataError(f"Expected claims [[claim]] in {path}: {error}.") from error
    expected = {field.name for field in fields(Claim)}
    for number, entry in enumerate(entries, start=1):
        if set(entry) != expected:
            raise DataError(f"{path}, claim {number}: expected the fields {sorted(expected)}, got {sorted(entry)}.")
    if len({entry["id"] for entry in entries}) < len(entries):
        raise DataError(f"{path}: an id is used twice.")
    return [Claim(**entry) for entry in entries]


def audit(results: Results, claims: Iterable[Claim] | None = None) -> pd.DataFrame:
    """Every claim with what this edition says of it.

    Args:
        results: of any page of the edition.
        claims: from :func:`load`; the project's own by default.

    Returns:
        Columns ``claim``, ``write-up``, ``its source``, ``verdict``, ``basis`` (``measurement`` or ``source``; empty
        where there is neither), ``evidence``, ``takes`` and ``link`` (a page and figure, ``STEM.html#FIGURE``; empty
        where nothing was measured).
    """
    rows = []
    for claim in load() if claims is None else claims:
        found = _checked(claim, results)
        about, told = (claim.claim, claim.write_up, claim.source), (found.verdict, found.basis, found.evidence)
        rows.append((*about, *told, claim.takes, found.link))
    columns = ["claim", "write-up", "its source", "verdict", "basis", "evidence", "takes", "link"]
    return pd.DataFrame(rows, columns=columns)


def linked(found: pd.DataFrame) -> str:
    """The evidence for every verdict as a Markdown list, each with its link.

    Args:
        found: from :func:`audit`.
    """
    lines = []
    for row in found.to_dict("records"):
        claim = f"[{row['claim']}]({row['link']})" if row["link"] else row["claim"]
        lines.append(f"- {claim} **{row['verdict'].capitalize()}.** {row['evidence']}")
    return "\n".join(lines)


def sentence(found: pd.DataFrame) -> str:
    """How many claims came out how.

    Args:
        found: from :func:`audit`.
    """
    told = []
    for word in VERDICTS:
        own = found[found.verdict == word]
        looked_up = int((own.basis == SOURCE).sum())
        if len(own):
            apart = f" ({looked_up} of these by a source, not by a measurement)" if looked_up else ""
            told.append(f"{len(own)} {_SAID[word][len(own) > 1]}{apart}")
    return f"Of {len(found)} claims of the original write-ups: {', '.join(told)}."


_SAID: dict[Verdict, tuple[str, str]] = {
    HOLDS: ("holds", "hold"),
    FAILS: ("does not hold", "do not hold"),
    OPEN: ("cannot be told", "cannot be told"),
    UNMEASURED: ("was not measured in this edition", "were not measured in this edition"),
}
"""A verdict of one claim and of several."""


def caption(found: pd.DataFrame) -> str:
    """What the verdicts of the table follow from.

    Args:
        found: from :func:`audit`.
    """
    looked_up = int((found.basis == SOURCE).sum())
    follow = "follows" if looked_up == 1 else "follow"
    apart = f", except {looked_up} that {follow} from a source or a definition in it" if looked_up else ""
    return f"The claims of the original write-ups, audited. Verdicts follow from this edition's results{apart}."


def _checked(claim: Claim, results: Results) -> Finding:
    try:
        if claim.id in CHECKS:
            return CHECKS[claim.id](results)
    except DataError:  # the page has not run in this edition
        pass
    if claim.id in BY_SOURCE:
        return Finding(FAILS, f"{LOOKED_UP}: {claim.source}", basis=SOURCE)
    return Finding(UNMEASURED, f"It takes: {claim.takes}", basis=NOTHING)
