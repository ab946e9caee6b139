"""A distillation as an objective of :func:`smallbert.models.training.fit`: the weighted sum of a method's losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from smallbert.compress.distill import attention, relations, soft_targets
from smallbert.compress.distill import hidden as losses
from smallbert.compress.distill.compared import Compared
from smallbert.compress.distill.forward import Trace, trace
from smallbert.compress.distill.inputs import Inputs, Seen, TrainInputs
from smallbert.compress.distill.layer_maps import layer_map
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.outputs import TeacherOutputs
from smallbert.compress.distill.projections import Student
from smallbert.compress.distill.summands import count, share_of
from smallbert.models.parallel import WHOLE, Part

COMPARED_TEXTS = 2_000
"""Texts of which all pairs are compared at most: two million pairs."""


class Distillation:
    """What a student is asked for at each step, and how it is measured.

    Args:
        model: the student with its projections.
        inputs: rows to train on.
        held_out: rows to measure on.
        given: the teacher's outputs on ``inputs``; None for a method that asks for none.
        given_held_out: those on ``held_out``: what the losses need and, for masked rows, the predictions. None for a
            teacher without predictions where none are needed.
        method: losses and weights.
        teacher_layers: N.
        teacher_heads: attention heads of the teacher.
        dtype: number format of matrix products; weights stay fp32.
    """

    def __init__(
        self,
        model: Student,
        inputs: TrainInputs,
        held_out: Inputs,
        given: TeacherOutputs | None,
        given_held_out: TeacherOutputs | None,
        method: Method,
        *,
        teacher_layers: int,
        teacher_heads: int,
        dtype: torch.dtype,
    ) -> None:
        self.model, self.inputs, self.held_out, self.method, self.dtype = model, inputs, held_out, method, dtype
        self._given, self._given_held_out = given, given_held_out
        self._teacher_layers, self._teacher_heads = teacher_layers, teacher_heads
        self._device = model.encoder.device
        layers = model.encoder.config.num_hidden_layers
        self._measured = {"top"} if method.masked else method.wanted(layers, teacher_layers) | {"pooled"}
        self._wanted = method.wanted(layers, teacher_layers)
        between = {"patient", "hidden", "scores"} & set(method.terms)
        self._map = layer_map(method.layer_map, layers, teacher_layers) if between else []
        self._traced = set(range(1, layers + 1)) if "scores" in method.terms else set()
        if {"attention", "values"} & set(method.terms):
            self._traced.add(layers)
        self._leave_out_what_no_loss_reaches()

    def loss(self, step: int, part: Part = WHOLE) -> Tensor:
        """The weighted sum of the method's losses at a step: a function of the weights and the step only.

        Args:
            step: its number.
            part: rows to take; the losses of all parts add up to that of the step.
        """
        if part == WHOLE:
            return self._sum(self.losses(step))
        seen, rows = self.inputs.step(step)
        own = part.rows(len(rows))
        terms = self._given_losses(seen.rows(own), rows[own])
        return self._sum({term: loss * share_of(term, seen, own) for term, loss in terms.items()})

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out measures.

        For masked rows: the loss in nats and the share of masked tokens predicted right, equal to those of
        :class:`smallbert.models.mlm.MaskedLanguageModelling`, and the share on which student and teacher say the same.
        For whole texts: the weighted sum of the losses over all of them, however they are batched, and the Spearman
        correlation between student and teacher of the cosines of all pairs of texts, which does not ask for equal
        widths.
        """
        return self._evaluate_masked() if self.method.masked else self._evaluate_texts()

    def losses(self, step: int) -> dict[str, Tensor]:
        """Each loss of a step by term, without its weight."""
        return self._given_losses(*self.inputs.step(step))

    def _leave_out_what_no_loss_reaches(self) -> None:
        """The head where nothing is predicted; above MiniLM's last attention, the rest of the layer."""
        seen, rows = self.inputs.step(0)
        self._sum(self._given_losses(seen.rows(slice(0, 1)), rows[:1])).backward()
        for parameter in self.model.parameters():
            parameter.requires_grad_(parameter.grad is not None)
        self.model.zero_grad(set_to_none=True)

    def _given_losses(self, seen: Seen, rows: np.ndarray) -> dict[str, Tensor]:
        """The losses of some training rows."""
        return self._losses(self._run(seen, rows, self._given, self._wanted))

    def _sum(self, terms: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, sum(weight * terms[term] for term, weight in self.method.terms.items()))

    def _run(self, seen: Seen, rows: np.ndarray, outputs: TeacherOutputs | None, wanted: set[str]) -> Compared:
        """What the student makes of some rows, with what the teacher made of them."""
        ids, read = (torch.from_numpy(one).to(self._device) for one in (seen.ids, seen.read))
        given = outputs.fetch(rows, wanted) if outputs else {}
        given = {name: value.to(self._device) for name, value in given.items()}
        asked = np.union1d(seen.masked, seen.places)
        with self._autocast():
            student = trace(self.model.encoder, ids, read, self._traced)
            if not self.method.masked:
                return Compared(seen, given, student, asked, None)
            places = torch.from_numpy(asked).to(self._device)
            logits = self.model.encoder.cls(student.hidden[-1].flatten(0, 1).index_select(0, places))
        return Compared(seen, given, student, asked, logits.float())

    def _losses(self, both: Compared) -> dict[str, Tensor]:
        return {term: getattr(self, f"_{term}")(both) for term in self.method.terms}

    def _hard(self, both: Compared) -> Tensor:
        targets = torch.from_numpy(both.seen.targets).to(self._device)
        logits = both.logits_at(both.seen.masked)
        return F.cross_entropy(logits, targets, reduction="sum") / max(len(targets), 1)

    def _soft(self, both: Compared) -> Tensor:
        return self._kept(both, self.method.temperature)

    def _prediction(self, both: Compared) -> Tensor:
        return self._kept(both, 1.0)

    def _kept(self, both: Compared, temperature: float) -> Tensor:
        logits, given = both.logits_at(both.seen.places), both.given
        if not len(logits):  # nothing but special tokens
            return logits.sum()
        teacher = given["top-indices"], given["top-logits"], given[f"rest-{temperature:g}"]
        return soft_targets.kept_cross_entropy(logits, *teacher, temperature)

    def _cosine(self, both: Compared) -> Tensor:
        return losses.cosine(self._lift("cosine", both, -1), both.given_states(self._teacher_layers))

    def _patient(self, both: Compared) -> Tensor:
        first = both.student.first
        parts = (
            losses.patient(self._lift(f"patient-{m}", both, m, first), both.given[f"first-{layer}"])
            for m, layer in enumerate(self._map[1:-2], 1)
        )
        return cast(Tensor, sum(parts))

    def _embedding(self, both: Compared) -> Tensor:
        return losses.projected(self._lift("embedding", both, 0), both.given_states(0))

    def _hidden(self, both: Compared) -> Tensor:
        parts = (
            losses.projected(self._lift(f"hidden-{m}", both, m), both.given_states(layer))
            for m, layer in enumerate(self._map[1:-1], 1)
        )
        return cast(Tensor, sum(parts))

    def _scores(self, both: Compared) -> Tensor:
        total: Any = 0.0
        for m, layer in enumerate(self._map[1:-1], 1):
            pairs = both.own(m, "queries", "keys"), both.theirs(layer, "queries", "keys")
            ours, theirs = (attention.scores(queries, keys, self._teacher_heads) for queries, keys in pairs)
            total = total + attention.score_loss(ours, theirs, both.student.inside)
        return total

    def _attention(self, both: Compared) -> Tensor:
        return self._relation(both, "queries", "keys")

    def _values(self, both: Compared) -> Tensor:
        return self._relation(both, "values", "values")

    def _relation(self, both: Compared, *names: str) -> Tensor:
        heads, inside = self.method.relation_heads or self._teacher_heads, both.student.inside
        pairs = both.own(len(both.student.hidden) - 1, *names), both.theirs(self._teacher_layers, *names)
        ours, theirs = (relations.log_relation(one, other, heads, inside) for one, other in pairs)
        return relations.relation_loss(ours, theirs, inside)

    def _pooled(self, both: Compared) -> Tensor:
        with self._autocast():
            vectors = self.model.lift("pooled", _embeddings(both.student))
        return losses.cosine(vectors.float(), both.given["pooled"])

    def _lift(self, place: str, both: Compared, layer: int, which: Tensor | None = None) -> Tensor:
        """The student's states of a layer at some tokens, all real ones by default, at the teacher's width: (n, d)."""
        student = both.student
        with self._autocast():
            lifted = self.model.lift(place, student.hidden[layer][student.real if which is None else which])
        return lifted.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def _held_out(self) -> Iterator[Compared]:
        for number in range(self.held_out.units):
            seen = self.held_out.unit(number)
            start = number * self.held_out.unit_rows
            rows = np.arange(start, start + len(seen.ids))
            yield self._run(seen, rows, self._given_held_out, self._measured)

    def _evaluate_masked(self) -> dict[str, float]:
        loss, right, agreed, predicted = 0.0, 0, 0, 0
        for both in self._held_out():
            logits = both.logits_at(both.seen.masked)
            targets = torch.from_numpy(both.seen.targets).to(self._device)
            said = logits.argmax(1)
            loss += F.cross_entropy(logits, targets, reduction="sum").item()
            right += int((said == targets).sum().item())
            if both.given:
                agreed += int((said == both.given["top-indices"][:, 0]).sum().item())
            predicted += len(targets)
        predicted = max(predicted, 1)
        measures = {"held_out_loss": loss / predicted, "held_out_accuracy": right / predicted}
        return measures | ({"agreement": agreed / predicted} if self._given_held_out else {})

    def _evaluate_texts(self) -> dict[str, float]:
        totals, counts = dict.fromkeys(self.method.terms, 0.0), dict.fromkeys(self.method.terms, 0)
        ours, theirs = [], []
        for both in self._held_out():
            for term, loss in self._losses(both).items():
                summands = count(term, both.seen)
                totals[term] += loss.item() * summands
                counts[term] += summands
            ours.append(_embeddings(both.student).float().cpu())
            theirs.append(both.given["pooled"].cpu())
        means = (weight * totals[term] / counts[term] for term, weight in self.method.terms.items())
        return {"held_out_loss": sum(means), "agreement": similarity_agreement(torch.cat(ours), torch.cat(theirs))}


def similarity_agreement(ours: Tensor, theirs: Tensor) -> float:
    """Spearman correlation of the cosines of all pairs of texts: 1 where both encoders order all pairs alike.

    Of more than :data:`COMPARED_TEXTS` texts those are compared that lie evenly between the first and the last.

    Args:
        ours: embeddings of n texts, (n, d').
        theirs: embeddings of the same texts by another encoder, (n, d).

    Returns:
        NaN for fewer than 3 texts, which have fewer than 3 pairs.
    """
    if len(ours) < 3:
        return float("nan")
    chosen = torch.linspace(0, len(ours) - 1, min(len(ours), COMPARED_TEXTS), dtype=torch.float64).round().long()
    pair = np.triu_indices(len(chosen), 1)
    cosines = [(one @ one.T).numpy()[pair] for one in (F.normalize(both[chosen]) for both in (ours, theirs))]
    return float(spearmanr(*cosines).statistic)


def _embeddings(student: Trace) -> Tensor:
    """Mean of the last hidden states of each text, (texts, d'); what precedes a row's first text belongs to none."""
    belongs = student.real & (student.first.cumsum(1) > 0)
    text = student.first[belongs].cumsum(0) - 1
    return losses.mean_pooled(student.hidden[-1][belongs].float(), text, int(student.first.sum()))
