"""BERT and GPT-1 in numbers, as their papers print them, and what is repeated of them though it is not so."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from smallbert.errors import DataError
from smallbert.models.parameters import count
from smallbert.models.presets import BERT_BASE
from smallbert.published import Published, load
from smallbert.studies.ledger import place

_FACTS = (
    ("text, million words", "bert.corpus_words", "bert.corpus_words"),
    ("tokens of a batch", "bert.batch_tokens_computed", "gpt.batch_tokens_computed"),
    ("length of the training", "bert.pretraining_steps", "gpt.pretraining_epochs"),
    ("peak rate of pretraining", "bert.pretraining_rate", "gpt.pretraining_rate"),
    ("rate of fine-tuning", "bert.glue_rates", "gpt.fine_tuning_rate"),
    ("batch of fine-tuning, examples", "bert.fine_tuning_batch", "gpt.fine_tuning_batch"),
    ("epochs of fine-tuning", "bert.fine_tuning_epochs", "gpt.fine_tuning_epochs"),
    ("parameters as printed, million", "bert.base.parameters", "gpt.parameters"),
)
"""What, and where BERT's number and GPT-1's stand."""

_CLAIMS = (
    (
        "rate at which GPT-1 is fine-tuned",
        "bert.gpt_fine_tuning_rate",
        "gpt.fine_tuning_rate",
        "GPT-1's own paper prints it.",
    ),
    (
        "GPT-1's batch",
        "bert.gpt_batch_words",
        "gpt.batch_tokens_computed",
        "Sequences times their length; said in round words.",
    ),
    (
        "BERT's batch",
        "bert.batch_tokens",
        "bert.batch_tokens_computed",
        "Sequences times their length; said in round tokens.",
    ),
    (
        "GPT-1's pretraining",
        "bert.gpt_pretraining_steps",
        "gpt.pretraining_steps_computed",
        "At least: its epochs times the corpus's words, a token or more each, over the tokens of a batch.",
    ),
)
"""What is said, where, what is right and why."""


def facts(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """Both papers side by side.

    Args:
        table: published numbers by id; the project's own by default.

    Returns:
        Columns ``what``, ``BERT``, ``GPT-1`` and the places of both, ``BERT where`` and ``GPT-1 where``.
    """
    table = table or load()
    rows = []
    for what, bert, gpt in _FACTS:
        both = table[bert], table[gpt]
        shown = [_shown(entry, what) for entry in both]
        if bert == gpt:  # GPT-1 reads the first of BERT's two corpora, and its own paper does not count it
            books, encyclopedia = both[0].value
            shown = [f"{books:,} + {encyclopedia:,} = {books + encyclopedia:,}", f"{books:,}"]
        rows.append((what, *shown, *map(place, both)))
    built, counted = count(BERT_BASE).total, table["gpt.parameters_built"]
    rows.append(
        ("parameters as built", f"{built:,}", f"{counted.value:,}", "counted from its configuration", place(counted))
    )
    return pd.DataFrame(rows, columns=["what", "BERT", "GPT-1", "BERT where", "GPT-1 where"])


def slips(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """What is repeated from paper to write-up, and what is right.

    Args:
        table: as in :func:`facts`.

    Returns:
        Columns ``claim``, ``said``, ``said where``, ``correct``, ``source`` and ``why``.

    Raises:
        DataError: a claim listed as wrong is right.
    """
    table = table or load()
    rows = []
    for claim, said, correct, why in _CLAIMS:
        wrong, right = table[said], table[correct]
        if wrong.value == right.value:
            raise DataError(f"Expected {said} and {correct} to differ, but both are {wrong.value}.")
        said_there, right_here = (f"{_shown(entry)} {entry.unit}".strip() for entry in (wrong, right))
        rows.append((claim, said_there, place(wrong), right_here, place(right), why))
    return pd.DataFrame(rows, columns=["claim", "said", "said where", "correct", "source", "why"])


def _shown(entry: Published, what: str = "") -> str:
    values = entry.value if isinstance(entry.value, tuple) else (entry.value,)
    text = ", ".join(f"{value:g}" if isinstance(value, float) else f"{value:,}" for value in values)
    if what == "length of the training":
        return f"{text} {entry.unit}"
    if isinstance(entry.value, tuple):
        return f"the best of {text} on development"
    return text
