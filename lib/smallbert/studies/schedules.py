"""Study 3: whether it matters where an encoder's narrow layers stand, and whether that is more than size."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from smallbert.compress.autoencoder import Architecture
from smallbert.compress.schedules import hidden_widths, matched_partner
from smallbert.studies.bench import Arm
from smallbert.studies.contrasts import by_seed, contrast, corrected

REFERENCE = "uniform"


def schedule_arms(
    width: int, bottleneck: int, depths: Sequence[int], schedules: Sequence[str], matched: str
) -> list[Arm]:
    """Every schedule at every depth, and the two that answer the objection of size.

    Args:
        width: of an embedding.
        bottleneck: width of the code.
        depths: encoder layers, at least 2: one layer has no width to choose.
        schedules: names of width rules; ``uniform`` is the reference of all comparisons.
        matched: the rule compared with uniform at equal size, both ways round.
    """
    arms = []
    for depth in depths:
        rules = {name: hidden_widths(name, width, bottleneck, depth) for name in schedules}
        rules[f"uniform, size of {matched}"] = matched_partner(REFERENCE, matched, width, bottleneck, depth)
        rules[f"{matched}, size of uniform"] = matched_partner(matched, REFERENCE, width, bottleneck, depth)
        for name, hidden in rules.items():
            arms.append(Arm(f"{name}, {depth} layers", Architecture(width, bottleneck, hidden), name))
    return arms


def widths_table(arms: Sequence[Arm], depth: int) -> pd.DataFrame:
    """Layer widths at one depth: columns ``schedule``, ``layer`` (0 is the input), ``width``."""
    rows = [
        (arm.schedule, layer, width)
        for arm in arms
        if arm.architecture.depth == depth
        for layer, width in enumerate(arm.architecture.encoder_widths)
    ]
    return pd.DataFrame(rows, columns=["schedule", "layer", "width"])


def sizes_table(arms: Sequence[Arm]) -> pd.DataFrame:
    """Widths, parameters and operations of every arm, for the reader who wants to rebuild one."""
    return pd.DataFrame(
        {
            "schedule": [arm.schedule for arm in arms],
            "layers": [arm.architecture.depth for arm in arms],
            "widths": [" → ".join(map(str, arm.architecture.encoder_widths)) for arm in arms],
            "encoder parameters": [arm.architecture.encoder_parameters for arm in arms],
            "FLOPs a vector": [arm.architecture.encode_flops for arm in arms],
        }
    )


def against_uniform(cells: pd.DataFrame, *, margin: float) -> pd.DataFrame:
    """Every schedule against uniform of the same depth, paired by seed, Holm-corrected within a protocol.

    A schedule of uniform's size is :func:`matched_pairs`'s to compare: one comparison has one verdict.

    Args:
        cells: last epoch; columns ``protocol``, ``depth``, ``schedule``, ``seed``, ``test_fvu``, ``finite``.
        margin: difference of FVU that does not matter.

    Returns:
        Columns ``protocol``, ``depth``, ``schedule``, ``against``, ``difference``, ``low``, ``high``, ``pairs``,
        ``p_holm``, ``verdict``.
    """
    names = [name for name in dict.fromkeys(cells.schedule) if not name.endswith(REFERENCE)]
    return _paired(cells, [(name, REFERENCE) for name in names], margin)


def matched_pairs(cells: pd.DataFrame, matched: str, *, margin: float) -> pd.DataFrame:
    """Narrow-early against uniform at equal encoder parameters, both ways round: ``matched`` against uniform of its
    size, and ``matched`` of uniform's size against uniform. Columns as in :func:`against_uniform`.
    """
    pairs = [(matched, f"uniform, size of {matched}"), (f"{matched}, size of uniform", REFERENCE)]
    return _paired(cells, pairs, margin)


def _paired(cells: pd.DataFrame, pairs: list[tuple[str, str]], margin: float) -> pd.DataFrame:
    tables = []
    for protocol, part in cells.groupby("protocol", sort=False):
        wide = by_seed(part, ["depth", "schedule"])
        rows = [
            {"protocol": protocol, "depth": int(depth), "schedule": name, "against": other}
            | contrast(wide[depth, name], wide[depth, other])
            for depth in sorted(part.depth.unique())
            for name, other in pairs
        ]
        tables.append(corrected(pd.DataFrame(rows), margin=margin))
    return pd.concat(tables, ignore_index=True)
