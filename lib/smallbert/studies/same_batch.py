"""The same masked texts as a teacher and two untrained students of it see them: what losses are compared on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from transformers import BertForMaskedLM

from smallbert.compress.distill import students
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.attention import scores
from smallbert.compress.distill.forward import Trace, trace
from smallbert.compress.distill.inputs import masked
from smallbert.compress.distill.layer_maps import layer_map
from smallbert.compress.distill.teacher import Teacher
from smallbert.errors import UsageError
from smallbert.models.masking import generator
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokenizer import PAD, SEP

PLACES_AT_ONCE = 256
"""Places whose logits are held at once: 120 MB a model at the 119,547 tokens of multilingual BERT."""


class SameBatch:
    """Texts, one a padded row, masked once.

    Args:
        source: the teacher: a folder, ``minilm`` or a hub id, with a masked-language-model head.
        texts: cut at ``max_tokens``.
        max_tokens: of a row at most.
        seed: of the masks and of the students' weights.
        device: auto, cpu or cuda.

    Attributes:
        seen: the rows, before and after masking.
        student: of the teacher's width and half its layers, copied where that can be.
        masked: places of the masked tokens in the flattened rows, (m,).
        attended: places of all tokens but padding, (n,).
        inside: which pairs of tokens belong to one text, bool, (B, 1, L, L).
        teacher_logits: at the masked tokens, (m, V).
        student_logits: the student's, (m, V).
        narrow_logits: those of another student of half the width and half the layers, fresh, (m, V).
        teacher_states: hidden states of the teacher at all attended tokens, (n, d), for the embeddings and each layer
            that a student layer learns from.
        narrow: those of the narrow student, embeddings and every layer, (n, d').
        teacher_scores: attention scores of the last layer, (B, h, L, L).
        narrow_scores: those of the narrow student.

    Raises:
        UsageError: the teacher predicts no tokens, or reads fewer than ``max_tokens``.
        DataError: the teacher cannot be read.
    """

    @torch.no_grad()
    def __init__(self, source: str, texts: Sequence[str], *, max_tokens: int, seed: int, device: str = "auto") -> None:
        teacher = teachers.load(source, precision="fp32", device=device)
        if teacher.head is None:
            raise UsageError(
                f"Expected a teacher with a masked-language-model head, {teacher.folder} has none.",
                "Take an encoder that was pretrained on masked tokens, such as the one of page 1.",
            )
        if max_tokens > (places := len(teacher.weights.positions)):
            raise UsageError(f"Expected max_tokens of at most the teacher's {places} positions, got {max_tokens}.")
        ids = _rows(teacher, texts, max_tokens)
        half = -(-teacher.layers // 2)
        recipe = PretrainRecipe(
            layers=half,
            hidden=teacher.width,
            heads=teacher.weights.heads,
            intermediate=teacher.intermediate,
            sequence_length=max_tokens,
            batch_tokens=max_tokens,
            seed=seed,
        )
        heads, last = teacher.weights.heads, teacher.layers
        width = heads * max(teacher.width // heads // 2, 1)
        slim = replace(recipe, hidden=width, intermediate=4 * width)
        narrow = students.build(slim, teacher, students.FRESH, teacher.device)
        self._teacher, self.student = teacher, _started(recipe, teacher)
        self.seen = masked(ids, recipe, len(teacher.vocabulary.theirs), generator(seed), "all")
        self.masked, self.attended = self.seen.masked, self.seen.places

        learnt_from = layer_map("top" if last % half else "uniform", half, last)[:-1]
        wanted = {f"hidden-{layer}" for layer in learnt_from} | {f"queries-{last}", f"keys-{last}"}
        real = torch.from_numpy(ids != PAD).to(teacher.device)
        read = torch.from_numpy(self.seen.read).to(teacher.device)[real]
        rows = [(int(length), 1) for length in real.sum(1)]
        given = teacher.trace(read, rows, wanted, torch.zeros(0, dtype=torch.long, device=teacher.device), 0)
        thin = self._run(narrow, {half})
        self._states = [self._run(self.student, set()).hidden[-1], _padded(given[f"hidden-{last}"], real)]

        self.student_logits, self.teacher_logits = self._logits(self.masked)
        self.narrow_logits = narrow.cls(thin.hidden[-1].flatten(0, 1)[self._at(self.masked)]).float()
        self.teacher_states = [given[f"hidden-{layer}"] for layer in learnt_from]
        self.narrow = [states[real] for states in thin.hidden]
        self.inside = thin.inside
        queries, keys = (_padded(given[f"{name}-{last}"], real) for name in ("queries", "keys"))
        self.teacher_scores = scores(queries, keys, heads)
        self.narrow_scores = scores(thin.projections[half, "queries"], thin.projections[half, "keys"], heads)

    @torch.no_grad()
    def logits_at(self, places: np.ndarray) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Logits of the student of the teacher's width, the teacher's, and the true tokens, some places at a time.

        Args:
            places: in the flattened rows, (n,).

        Yields:
            Parts of (n, V), (n, V) and (n,).
        """
        for start in range(0, len(places), PLACES_AT_ONCE):
            part = places[start : start + PLACES_AT_ONCE]
            ids = torch.from_numpy(self.seen.ids.reshape(-1)[part]).to(self._teacher.device)
            yield *self._logits(part), ids

    def _logits(self, places: np.ndarray) -> tuple[Tensor, Tensor]:
        student, teacher = (states.flatten(0, 1)[self._at(places)] for states in self._states)
        return self.student.cls(student).float(), self._teacher.logits(teacher)

    def _at(self, places: np.ndarray) -> Tensor:
        return torch.from_numpy(places).to(self._teacher.device)

    def _run(self, student: BertForMaskedLM, layers: set[int]) -> Trace:
        ids, read = (torch.from_numpy(one).to(self._teacher.device) for one in (self.seen.ids, self.seen.read))
        return trace(student, ids, read, layers)


def _rows(teacher: Teacher, texts: Sequence[str], max_tokens: int) -> np.ndarray:
    """One text a row, in the teacher's tokens and our numbers, cut and padded: int64, (B, L)."""
    rows = np.full((len(texts), max_tokens), PAD, dtype=np.int64)
    for row, encoded in zip(rows, teacher.vocabulary.encode_batch_fast(list(texts)), strict=True):
        length = min(len(encoded.ids), max_tokens)
        row[:length] = encoded.ids[:length]
        row[length - 1] = SEP
    return rows


def _started(recipe: PretrainRecipe, teacher: Teacher) -> BertForMaskedLM:
    """A student from the teacher's layers where its family and activation allow it, else a fresh one."""
    try:
        students.require_copies(recipe, teacher)
    except UsageError:
        return students.build(recipe, teacher, students.FRESH, teacher.device)
    return students.build(recipe, teacher, "released", teacher.device)


def _padded(states: Tensor, real: Tensor) -> Tensor:
    """Vectors of all attended tokens, (n, d), at their places in the rows: (B, L, d)."""
    rows = states.new_zeros(*real.shape, states.shape[1])
    rows[real] = states
    return rows
