"""What papers print and what follows from it: averages from their own rows, FLOPs from sizes, and contradictions."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from smallbert.errors import DataError
from smallbert.models.flops import forward
from smallbert.published import Published, load
from smallbert.studies.ledger import ROWS, place

FLOPS_LENGTH = 128
"""Tokens at which TinyBERT's Table 1 states its FLOPs."""
FLOPS_TOLERANCE = 0.05
AVERAGE_TOLERANCE = 0.05 + 1e-9
"""Half of the last digit of an average printed with one decimal."""

_CONTRADICTIONS = (
    ("parameters of ALBERT xxlarge", "albert.table1.xxlarge.parameters", "albert.section3.xxlarge.parameters"),
    ("the same shared weights", "albert.table1.xxlarge.parameters", "albert.table12.hidden_4096.parameters"),
    ("MNLI, all-shared, E = 128", "albert.table2.base.scores[4]", "albert.table4.all_shared_128.scores[4]"),
    ("MNLI, not-shared, E = 128", "albert.table3.not_shared_128.scores[4]", "albert.table4.not_shared_128.scores[4]"),
    ("average, not-shared, E = 128", "albert.table3.not_shared_128.average", "albert.table4.not_shared_128.average"),
    ("MNLI of BERT base beside DistilBERT", "distilbert.table1.bert.mnli", "distilbert.readme.bert.scores[1]"),
    ("MNLI of DistilBERT", "distilbert.table1.distilbert.mnli", "distilbert.readme.distilbert.scores[1]"),
    ("learning rate of fine-tuning GPT", "bert.gpt_fine_tuning_rate", "gpt.fine_tuning_rate"),
    ("tokens of a BERT batch", "bert.batch_tokens", "bert.batch_tokens_computed"),
)
"""What, and the ids of two numbers that should be one; ``[i]`` picks one out of a list."""


def averages(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """Every printed average against the mean of its own row.

    Args:
        table: published numbers by id; the project's own by default.

    Returns:
        Columns ``id``, ``where``, ``printed``, ``recomputed``, ``difference`` and ``agrees``. ALBERT takes SQuAD 1.1
        and 2.0 each as the mean of F1 and EM.
    """
    table = table or load()
    rows = []
    for id, entry in table.items():
        scores = table.get(id.removesuffix("average") + "scores")
        if not id.endswith(".average") or scores is None:
            continue
        values = list(scores.value)
        if id.startswith("albert."):
            values = [sum(values[:2]) / 2, sum(values[2:4]) / 2, *values[4:]]
        difference = sum(values) / len(values) - entry.value
        facts = {"id": id, "where": place(entry), "printed": entry.value, "recomputed": entry.value + difference}
        rows.append(facts | {"difference": difference, "agrees": abs(difference) <= AVERAGE_TOLERANCE})
    return pd.DataFrame(rows)


def flops(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """TinyBERT's printed FLOPs against the closed form at 128 tokens, with pooler.

    Args:
        table: as in :func:`averages`.

    Returns:
        Columns ``id``, ``model``, ``where``, ``printed`` and ``built`` (billions), ``difference`` (share of what is
        printed) and ``agrees`` (within :data:`FLOPS_TOLERANCE`).
    """
    table = table or load()
    rows = []
    for id, entry in table.items():
        if not id.endswith(".flops"):
            continue
        row = ROWS[id.replace(".flops", ".parameters")]
        built = forward(row.sizes, FLOPS_LENGTH).total / 1e9
        difference = built / entry.value - 1
        facts = {"id": id, "model": row.model, "where": place(entry), "printed": entry.value, "built": built}
        rows.append(facts | {"difference": difference, "agrees": abs(difference) <= FLOPS_TOLERANCE})
    return pd.DataFrame(rows)


def check(averages: pd.DataFrame, flops: pd.DataFrame) -> None:
    """Hold every printed average to its row, and every printed FLOP count to its model.

    Raises:
        DataError: one does not follow.
    """
    for table, tolerance in ((averages, "0.05"), (flops, f"{FLOPS_TOLERANCE:.0%}")):
        for row in table[~table.agrees].to_dict("records"):
            raise DataError(
                f"Expected {row['id']} within {tolerance} of what follows from its row; it is printed as "
                f"{row['printed']} and differs by {row['difference']:+.3f}."
            )


def contradictions(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """Where the papers disagree with themselves or with each other.

    Args:
        table: as in :func:`averages`.

    Returns:
        Columns ``what``, ``first`` and ``first where``, ``second`` and ``second where``.

    Raises:
        DataError: two numbers listed as contradicting agree.
    """
    table = table or load()
    rows = []
    for what, *ids in _CONTRADICTIONS:
        (first, a), (second, b) = (_number(table, id) for id in ids)
        if a == b:
            raise DataError(f"Expected {ids[0]} and {ids[1]} to contradict each other, but both are {a}.")
        rows.append({"what": what, "first": a, "first where": place(first)})
        rows[-1] |= {"second": b, "second where": place(second)}
    return pd.DataFrame(rows)


def _number(table: Mapping[str, Published], id: str) -> tuple[Published, float]:
    name, _, index = id.removesuffix("]").partition("[")
    value = table[name].value
    return table[name], value[int(index)] if index else value
