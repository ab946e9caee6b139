"""What always answering the commonest label is worth: below it a share of a probe's accuracy says nothing.

A probe that reads nothing moves to the commonest class, and may so keep more than all of a weak reference's accuracy.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

ALWAYS = "always the commonest"
"""What such an answer is called."""


def commonest(train: pd.Series, test: pd.Series) -> float:
    """Accuracy of always answering the commonest train label; of labels as common as each other the first by name.

    Args:
        train: labels of the rows a probe is fitted on; empty where unknown, these are left out here as there.
        test: labels of the rows it is asked about, likewise.

    Returns:
        Share of the labelled test rows; not-a-number where either split has no label.
    """
    known, asked = train[train != ""], test[test != ""]
    if known.empty or asked.empty:
        return float("nan")
    names, counts = np.unique(known.to_numpy(dtype=np.str_), return_counts=True)
    return float((asked.to_numpy(dtype=np.str_) == names[counts.argmax()]).mean())


def nothing_to_keep(low: float, floor: float) -> bool:
    """Whether a reference is not told from always answering the commonest label.

    Args:
        low: lower limit of the reference's accuracy.
        floor: from :func:`commonest`; not-a-number where no label is known, then nothing is said against it.
    """
    return bool(low <= floor)
