"""The sentences that close a study, computed: no result and no verdict in them is typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import pandas as pd

from smallbert.measure.limits import WORSE_THAN_THE_MEAN
from smallbert.measure.ranks import order_agreement, rank_stability
from smallbert.measure.stats import mean_interval
from smallbert.studies.contrasts import by_seed, contrast, corrected

MARGIN = 0.005
"""A difference of half a per cent of the variance does not matter to a deployer; intervals within it are equivalent."""

_EQUIVALENT = f"equivalent within {MARGIN} FVU"

PROTOCOLS = ("original", "fair")


def depth_contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """Every depth against the shallowest, paired by seed, for each protocol and bottleneck, Holm-corrected.

    Args:
        cells: last epoch; columns ``protocol``, ``bottleneck``, ``depth``, ``seed``, ``test_fvu``, ``finite``.

    Returns:
        Columns ``protocol``, ``k``, ``layers``, ``against``, ``difference``, ``low``, ``high``, ``pairs``, ``p_holm``
        and ``verdict``.
    """
    tables = []
    for protocol, part in cells.groupby("protocol", sort=False):
        rows = []
        for k, own in part.groupby("bottleneck"):
            wide = by_seed(own, "depth")
            first, *others = sorted(wide.columns)
            rows += [
                {"protocol": protocol, "k": int(k), "layers": int(depth), "against": int(first)}
                | contrast(wide[depth], wide[first])
                for depth in others
            ]
        tables.append(corrected(pd.DataFrame(rows), margin=MARGIN))
    return pd.concat(tables, ignore_index=True)


def rank_table(cells: pd.DataFrame, published: Sequence[int]) -> pd.DataFrame:
    """Is the order of depths real? Agreement between seeds, and with the published order of losses.

    Args:
        cells: last epoch; columns ``protocol``, ``bottleneck``, ``depth``, ``seed``, ``test_fvu``, ``finite``.
        published: depths, the one with the largest loss first.

    Returns:
        One row a protocol and bottleneck: ``protocol``, ``k``, ``ours`` and ``published`` (orders of losses, largest
        first), ``seeds_tau`` with ``low`` and ``high`` (Kendall tau between seeds), ``published_tau`` and ``p`` (share
        of all orders that agree at least as well), ``pairs`` of depths, of which ``told`` have the published order and
        ``reversed`` the other one (paired over seeds, Holm-corrected over the pairs of the row). A protocol with fewer
        than three finite seeds or depths has no row.
    """
    rows = []
    for (protocol, k), part in cells.groupby(["protocol", "bottleneck"], sort=False):
        wide = by_seed(part, "depth")
        wide = wide[[depth for depth in published if depth in wide]].dropna(axis=1, how="all").dropna()
        if wide.shape[1] < 3 or len(wide) < 3:
            continue
        stability, agreement = rank_stability(wide), order_agreement(list(wide.columns), wide)
        pairs = [contrast(wide[larger], wide[smaller]) for larger, smaller in combinations(wide, 2)]
        words = corrected(pd.DataFrame(pairs), margin=0.0).verdict
        rows.append(
            {
                "protocol": protocol,
                "k": int(k),
                "ours": _order(agreement.order),
                "published": _order(wide.columns),
                "seeds_tau": stability.tau.estimate,
                "low": stability.tau.low,
                "high": stability.tau.high,
                "published_tau": agreement.tau,
                "p": agreement.p,
                "pairs": len(words),
                "told": int((words == "higher").sum()),
                "reversed": int((words == "lower").sum()),
            }
        )
    columns = ["protocol", "k", "ours", "published", "seeds_tau", "low", "high", "published_tau", "p"]
    return pd.DataFrame(rows, columns=[*columns, "pairs", "told", "reversed"])


def depth_answer(
    cells: pd.DataFrame, contrasts: pd.DataFrame, ranks: pd.DataFrame, others: pd.DataFrame, bottleneck: int
) -> str:
    """The answer of study 2 in one paragraph, at one bottleneck.

    Args:
        cells: last epoch of the depth arms, both protocols.
        contrasts: from :func:`depth_contrasts`.
        ranks: from :func:`rank_table`.
        others: last epoch of the other arms at this bottleneck, fair protocol.
        bottleneck: the width spoken of.
    """
    said = []
    for protocol in PROTOCOLS:
        own = cells[(cells.protocol == protocol) & (cells.bottleneck == bottleneck) & cells.finite]
        gaps = own.groupby("depth").gap_test.mean()
        told = contrasts[(contrasts.protocol == protocol) & (contrasts.k == bottleneck)]
        said.append(
            f"Under the {protocol} protocol, at {bottleneck} numbers, the depths end {gaps.min():.4f} (depth "
            f"{gaps.idxmin()}) to "
            f"{gaps.max():.4f} (depth {gaps.idxmax()}) of the variance above PCA; {_depth_matters(told)}."
        )
    for row in ranks[(ranks.protocol == "original") & (ranks.k == bottleneck)].itertuples():
        said.append(
            f"The order of losses is {row.ours}, published as {row.published} (tau {row.published_tau:+.2f}, "
            f"p {row.p:.2f}); our seeds agree with one another by tau {row.seeds_tau:+.2f}."
        )
    below = freed_below(others)
    said.append(
        f"Only a freed decoder, trained with its encoder, goes below PCA on test with its whole interval: "
        f"{'; '.join(below)}."
        if below
        else "No freed decoder trained with its encoder ends below PCA on test with its whole interval."
    )
    return " ".join([*said, *_failed(others[~others.bounded])])


def freed_below(others: pd.DataFrame) -> list[str]:
    """Arms with a freed decoder that end below PCA on test with their whole interval, none of their runs failed.

    Args:
        others: columns ``arm``, ``bounded``, ``finite``, ``test_fvu``, ``gap_test``; a row a run.
    """
    return [
        str(name)
        for name, runs in others[~others.bounded].groupby("arm", sort=False)
        if len(runs) > 1 and _ended(runs).all() and mean_interval(runs.gap_test).high < 0
    ]


def schedule_answer(cells: pd.DataFrame, pairs: pd.DataFrame, matched: pd.DataFrame, rule: str, claim: str) -> str:
    """The answer of study 3 in one paragraph.

    Args:
        cells: last epoch, both protocols.
        pairs: from :func:`smallbert.studies.schedules.against_uniform`.
        matched: from :func:`smallbert.studies.schedules.matched_pairs`.
        rule: the bottleneck-heavy rule compared at equal size.
        claim: the schedule the original found best.
    """
    said = [f"The original found {claim} schedules better."]
    for protocol in PROTOCOLS:
        own = pairs[(pairs.protocol == protocol) & (pairs.schedule == rule)]
        same = matched[matched.protocol == protocol]
        runs = cells[cells.protocol == protocol]
        gaps = runs[_ended(runs)].groupby("schedule").gap_test.mean()
        said.append(
            f"Under the {protocol} protocol, {rule} against uniform of the same depth: {_tally(own.verdict)} "
            f"(mean difference {own.difference.mean():+.4f} FVU); at equal size: {_tally(same.verdict)} "
            f"({same.difference.mean():+.4f}). {_ends(gaps)}{_without_failed(runs)}."
        )
    return " ".join(said)


def _order(depths: Sequence[int]) -> str:
    return " > ".join(str(int(depth)) for depth in depths)


def _depth_matters(told: pd.DataFrame) -> str:
    """What the contrasts with the shallowest allow one to say."""
    first = int(told.against.min())
    worse, better = ((told.verdict == word).sum() for word in ("higher", "lower"))
    if (told.verdict == "equivalent").all():
        return f"depth does not matter (all {len(told)} equivalent to depth {first} within {MARGIN} FVU)"
    words = {"higher": "with larger error", "lower": "with smaller error", "equivalent": _EQUIVALENT}
    counts = told.verdict.value_counts()
    tally = ", ".join(f"{count} {words.get(word, word)}" for word, count in counts.items())
    head = "depth makes a difference at this budget" if worse or better else "no effect of depth is shown"
    return f"{head} (against depth {first}: {tally})"


def _tally(verdicts: pd.Series) -> str:
    """``better in 2, equivalent within 0.005 FVU in 1`` of the comparisons."""
    words = {"lower": "better", "higher": "worse", "equivalent": _EQUIVALENT}
    return ", ".join(f"{words.get(word, word)} in {count}" for word, count in verdicts.value_counts().items())


def _failed(free: pd.DataFrame) -> Iterator[str]:
    """A sentence an arm that has runs which ended worse than the mean."""
    for name, part in free.groupby("arm", sort=False):
        ended = part[_ended(part)]
        if len(ended) < len(part):
            failed = f"Of {name}, {len(part) - len(ended)} of {len(part)} runs failed (FVU above 1)"
            yield f"{failed}; the others end at {ended.gap_test.mean():+.4f}." if len(ended) else f"{failed}."


def _ends(gaps: pd.Series) -> str:
    """How far above PCA the nearest and the farthest schedule end, by their means."""
    if gaps.empty:
        return "No schedule has a run that ended better than the mean vector"
    nearest, farthest = (f"{gaps[name]:.4f} ({name})" for name in (gaps.idxmin(), gaps.idxmax()))
    return f"The schedules end {nearest} to {farthest} above PCA"


def _without_failed(runs: pd.DataFrame) -> str:
    """Which runs a mean leaves out."""
    failed = runs[~_ended(runs)].groupby("schedule", sort=False).size()
    told = ", ".join(f"{count} of {name}" for name, count in failed.items())
    return f", without runs that failed (FVU above 1: {told})" if told else ""


def _ended(runs: pd.DataFrame) -> pd.Series:
    return runs.finite & (runs.test_fvu <= WORSE_THAN_THE_MEAN)
