"""Study 2, the decoder: what each gains over PCA, and which is the smallest that pays."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from smallbert.compress import quadratic
from smallbert.studies.contrasts import contrast, corrected
from smallbert.studies.decoder_best import HELPS, HURTS, UNTOLD
from smallbert.studies.decoder_curvature import LEAST_SQUARES, population


def gains(cells: pd.DataFrame) -> pd.DataFrame:
    """Every decoder against PCA of the same rows and seeds.

    Args:
        cells: from :func:`smallbert.studies.decoder_curvature.run`.

    Returns:
        One row a cloud, code width, number of rows and decoder: those columns and ``parameters``; ``difference`` of
        test FVU, decoder less PCA, with ``low``, ``high`` (95% t interval over seeds), ``pairs`` and ``p_holm``
        (corrected over all of a code width); ``relative``, the mean difference as a share of PCA's error; ``reachable``
        and ``expected`` (relative, not-a-number where not known: the best of all decoders, and what least squares
        should give here); ``verdict``; ``smallest``, whether it is the smallest decoder that helps.
    """
    keys = ["k", "cloud", "curvature", "rows", "decoder", "parameters"]
    found = []
    for key, part in cells.groupby(keys, sort=False, dropna=False):
        row = dict(zip(keys, key, strict=True))
        own = contrast(part.fvu.where(part.finite), part.pca)
        row |= own | {"relative": own["difference"] / part.pca.mean(), "reachable": np.nan, "expected": np.nan}
        if not np.isnan(row["curvature"]):
            reachable = population(row["k"], row["curvature"]).reachable
            row["reachable"] = 0.0 - reachable  # not -0.0 on a flat cloud
            if row["decoder"] == LEAST_SQUARES:
                row["expected"] = quadratic.expected_gain(reachable, row["k"], row["rows"])
        found.append(row)
    each = [corrected(part, margin=0.0) for _, part in pd.DataFrame(found).groupby("k", sort=False)]
    table = pd.concat(each).sort_index()
    table["verdict"] = table.verdict.map({"lower": HELPS, "higher": HURTS}).fillna(UNTOLD)
    helping = table[table.verdict == HELPS].sort_values("parameters", kind="stable")
    first = helping.groupby(["k", "cloud", "rows"], sort=False).head(1).index
    return table.assign(smallest=table.index.isin(first))


def embedded(cells: pd.DataFrame) -> pd.DataFrame:
    """How curved the real vectors are: the share of PCA's error that is quadratic in the code, from the most rows.

    The gain of least squares, corrected for what its weights cost (:func:`smallbert.compress.quadratic.curved_share`).

    Args:
        cells: from :func:`smallbert.studies.decoder_curvature.run`.

    Returns:
        One row a code width and set of vectors: ``cloud``, ``k``, ``rows``, ``share`` with ``low`` and ``high`` (95% t
        interval over seeds), and ``break_even``: training rows from which least squares should pay. No row where rows
        do not determine it.
    """
    own = cells[cells.curvature.isna() & (cells.decoder == LEAST_SQUARES)]
    found = []
    for (k, cloud), part in own.groupby(["k", "cloud"], sort=False):
        part = part[part.rows == part.rows.max()].set_index("seed")
        n = int(part.rows.iloc[0])
        shares = (part.fvu / part.pca - 1).map(partial(quadratic.curved_share, k=int(k), rows=n))
        over = contrast(shares, shares * 0)
        if over["pairs"] > 1:
            limits = {"share": over["difference"], "low": over["low"], "high": over["high"]}
            row = {"cloud": cloud, "k": int(k), "rows": n} | limits
            found.append(row | {"break_even": quadratic.break_even_rows(over["difference"], int(k))})
    return pd.DataFrame(found, columns=["cloud", "k", "rows", "share", "low", "high", "break_even"])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """For the page, one row a code width, cloud and number of rows: what is possible, expected, measured, smallest.

    Args:
        table: from :func:`gains`.
    """
    rows = []
    for (k, cloud, n), part in table.groupby(["k", "cloud", "rows"], sort=False):
        least = part[part.decoder == LEAST_SQUARES].iloc[0]
        first = part[part.smallest]
        rows.append(
            {
                "cloud": cloud,
                "code": int(k),
                "rows": int(n),
                "best possible": least.reachable,
                "expected": least.expected if np.isfinite(least.expected) else np.nan,
                "least squares": least.relative,
                "smallest that helps": first.decoder.iloc[0] if len(first) else "none",
                "its gain": first.relative.iloc[0] if len(first) else np.nan,
                "hurt": ", ".join(part[part.verdict == HURTS].decoder) or "none",
            }
        )
    return pd.DataFrame(rows)
