"""The sentences that close a study, computed: no number and no verdict in them is typed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from smallbert.measure.ranks import order_agreement, rank_stability
from smallbert.measure.stats import mean_interval
from smallbert.studies.contrasts import contrast, corrected

MARGIN = 0.005
"""A difference of half a per cent of the variance does not matter to a deployer; intervals within it are equivalent."""


def depth_contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """Every depth against the shallowest, paired by seed, for each protocol and bottleneck, Holm-corrected.

    Args:
        cells: last epoch; columns ``protocol``, ``bottleneck``, ``depth``, ``seed``, ``test_fvu``, ``finite``.

    Returns:
        Columns ``protocol``, ``k``, ``layers``, ``against``, ``difference``, ``low``, ``high``, ``p_holm`` and
        ``verdict``.
    """
    tables = []
    for protocol, part in cells.groupby("protocol", sort=False):
        rows = []
        for k, own in part.groupby("bottleneck"):
            wide = own.where(own.finite).pivot_table(index="seed", columns="depth", values="test_fvu")
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
        One row a protocol and bottleneck: our order (largest loss first), Kendall tau between seeds with its
        interval, tau with the published order and the share of all orders that agree at least as well.
    """
    rows = []
    for (protocol, k), part in cells.groupby(["protocol", "bottleneck"], sort=False):
        wide = part.where(part.finite).pivot_table(index="seed", columns="depth", values="test_fvu")
        wide = wide[[depth for depth in published if depth in wide]].dropna()
        if wide.shape[1] < 3 or len(wide) < 3:
            continue
        stability, agreement = rank_stability(wide), order_agreement(list(wide.columns), wide)
        rows.append(
            {
                "protocol": protocol,
                "k": int(k),
                "order of losses, largest first": " > ".join(str(int(depth)) for depth in agreement.order),
                "published": " > ".join(str(depth) for depth in wide.columns),
                "tau between seeds": stability.tau.estimate,
                "low": stability.tau.low,
                "high": stability.tau.high,
                "tau with published": agreement.tau,
                "p of that agreement": agreement.p,
            }
        )
    return pd.DataFrame(rows)


def depth_answer(cells: pd.DataFrame, contrasts: pd.DataFrame, ranks: pd.DataFrame, others: pd.DataFrame) -> str:
    """The answer of study 2 in one paragraph.

    Args:
        cells: last epoch of the depth arms, both protocols.
        contrasts: from :func:`depth_contrasts`.
        ranks: from :func:`rank_table`.
        others: last epoch of the other arms, fair protocol; columns ``arm``, ``seed``, ``bounded``, ``gap_test``.
    """
    said = []
    for protocol in ("original", "fair"):
        gaps = cells[cells.protocol == protocol].groupby("depth").gap_test.mean()
        own = contrasts[contrasts.protocol == protocol]
        counts = own.verdict.value_counts()
        told = ", ".join(f"{count} {_worse(word)}" for word, count in counts.items())
        said.append(
            f"Under the {protocol} protocol the depths end {gaps.min():.4f} (depth {gaps.idxmin()}) to "
            f"{gaps.max():.4f} (depth {gaps.idxmax()}) of the variance above PCA; against depth "
            f"{int(own.against.min())}, {told}."
        )
    for row in ranks.itertuples(index=False):
        if row.protocol == "original":
            said.append(
                f"At k = {row.k} the order of losses is {row[2]}, published as {row.published} "
                f"(tau {row[7]:+.2f}, p {row[8]:.2f}); seeds agree with one another by tau {row[4]:+.2f}."
            )
    free = others[~others.bounded]
    below = [name for name, part in free.groupby("arm") if _entirely_below(part)]
    said.append(
        f"Below PCA on test, with the whole interval: {', '.join(below)}."
        if below
        else "No arm with a nonlinear decoder ends below PCA on test with its whole interval."
    )
    return " ".join(said)


def schedule_answer(pairs: pd.DataFrame, matched: pd.DataFrame, rule: str) -> str:
    """The answer of study 3 in one paragraph.

    Args:
        pairs: from :func:`smallbert.studies.schedules.against_uniform`.
        matched: from :func:`smallbert.studies.schedules.matched_pairs`.
        rule: the bottleneck-heavy rule compared at equal size.
    """
    said = []
    for protocol in ("original", "fair"):
        own = pairs[(pairs.protocol == protocol) & (pairs.schedule == rule)]
        same = matched[matched.protocol == protocol]
        said.append(
            f"Under the {protocol} protocol {rule} is {_tally(own.verdict)} against uniform of the same depth "
            f"(mean difference {own.difference.mean():+.4f} FVU), and at equal size {_tally(same.verdict)} "
            f"({same.difference.mean():+.4f})."
        )
    return " ".join(said)


def _worse(word: str) -> str:
    return {"higher": "with larger error", "lower": "with smaller error"}.get(word, word)


def _tally(verdicts: pd.Series) -> str:
    words = {"lower": "better", "higher": "worse"}
    return ", ".join(f"{words.get(word, word)} in {count}" for word, count in verdicts.value_counts().items())


def _entirely_below(part: pd.DataFrame) -> bool:
    return len(part) > 1 and mean_interval(part.gap_test).high < 0
