"""Page 5, the losses themselves: what papers, code and stores make of the same tensors, where the teacher predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smallbert.compress.distill.teacher import Teacher
from smallbert.studies import distill_forms, distill_losses
from smallbert.studies.same_batch import SameBatch


@dataclass(frozen=True, eq=False)
class Exact:
    """What one masked batch shows.

    Attributes:
        forms: from :func:`smallbert.studies.distill_forms.tinybert_forms`.
        places: from :func:`smallbert.studies.distill_forms.distilbert_places`.
        kept: from :func:`smallbert.studies.distill_losses.kept`.
        absent: why there is nothing to show, or empty. The frames then hold this sentence.
    """

    forms: pd.DataFrame
    places: pd.DataFrame
    kept: pd.DataFrame
    absent: str = ""


def compare(source: str, given: Teacher, texts: Sequence[str], *, max_tokens: int, seed: int, device: str) -> Exact:
    """The losses on one masked batch, or why a teacher has none.

    Args:
        source: where the teacher is.
        given: the teacher.
        texts: of the batch.
        max_tokens: of a text at most.
        seed: of masks and untrained students.
        device: auto, cpu or cuda.
    """
    if given.head is None:
        why = "The teacher of this edition predicts no tokens, so its losses on predictions cannot be shown."
        nothing = pd.DataFrame({"absent": [why]})
        return Exact(nothing, nothing, nothing, why)
    batch = SameBatch(source, texts, max_tokens=max_tokens, seed=seed, device=device)
    return Exact(
        distill_forms.tinybert_forms(batch), distill_forms.distilbert_places(batch), distill_losses.kept(batch)
    )


def tinybert_sentence(found: Exact, sizes: pd.DataFrame) -> str:
    """TinyBERT as printed and as coded, in words."""
    return found.absent or distill_forms.tinybert_sentence(found.forms, sizes)


def distilbert_sentence(found: Exact, maps: pd.DataFrame, counts: pd.DataFrame) -> str:
    """Where DistilBERT's soft loss is taken, which layers it copies and how small it is, in words."""
    return found.absent or distill_forms.distilbert_sentence(found.places, maps, counts)


def kept_sentence(found: Exact) -> str:
    """How exact a stored soft target is, in words."""
    return found.absent or distill_losses.kept_sentence(found.kept)
