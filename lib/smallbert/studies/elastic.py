"""Study 8, one student for all sizes: trained once, then cut in layers, width and vocabulary without training again.

Students start as the teacher, its principal components behind it. Each arm takes another list of (layer, width) pairs
in a step; its controls are a student for every size, trained for that size alone on as many tokens, and one trained for
the full size only. All read the same texts in the same order, seed by seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from smallbert import runtime, storage
from smallbert.compress.distill import elastic, elastic_student
from smallbert.compress.distill.elastic import Pair
from smallbert.compress.distill.elastic_student import ElasticStudent
from smallbert.models import flops, parameters, workers
from smallbert.models.masking import generator
from smallbert.models.packing import ORDER_STREAM
from smallbert.models.parameters import BYTES
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.training import fit
from smallbert.studies import elastic_reading as reading
from smallbert.studies.elastic_reading import WHOLE, Inputs

VERSION = 3
"""Part of every cell's key: raise it when the same inputs would give another result."""

LIST, RANDOM, FULL, SEPARATE, START = (
    "fixed list of sizes",
    "sizes drawn at random",
    "full size only, then cut",
    "a student for each size",
    "not trained, cut",
)
ARMS = (LIST, RANDOM, FULL, SEPARATE)

RATE = 2e-4
"""Peak rate of all students: they start as the teacher, of which a high one would leave little."""

TEXTS = 16
"""Texts of a step: each has so many others, less one, to be a neighbour of."""


@dataclass(frozen=True)
class Design:
    """Sizes and budget.

    Args:
        depths: layers to cut at, ascending.
        widths: numbers of a vector to cut at, ascending.
        recipe: budget and optimisation; sizes are the teacher's.
        seeds: repetitions.
    """

    depths: list[int]
    widths: list[int]
    recipe: PretrainRecipe
    seeds: int

    @property
    def sizes(self) -> list[Pair]:
        """All of the grid."""
        return [(layer, width) for layer in self.depths for width in self.widths]

    @property
    def can_draw(self) -> bool:
        """Whether sizes drawn at random differ from step to step: of two layers and two widths every step has all."""
        return max(len(self.depths), len(self.widths)) > 2

    @property
    def full(self) -> Pair:
        """What nothing is cut off from."""
        return self.depths[-1], self.widths[-1]


@dataclass(frozen=True)
class Cell:
    """One training.

    Args:
        arm: of :data:`ARMS` or :data:`START`.
        seed: of the order of texts and of what is drawn.
        only: the one size it is trained for; None for an arm that has several.
    """

    arm: str
    seed: int
    only: Pair | None = None

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.arm}{f' {self.only}' if self.only else ''}, seed {self.seed}"

    def pairs(self, design: Design, step: int) -> list[Pair]:
        """What a step is trained for."""
        if self.only:
            return [self.only]
        if self.arm == RANDOM:
            return elastic.drawn(design.depths, design.widths, step, self.seed)
        return elastic.fixed_list(design.depths, design.widths)

    def depth(self, design: Design) -> int:
        """Layers it needs."""
        return self.only[0] if self.only else design.depths[-1]


def design(inputs: Inputs, *, sizes: int, tokens: int, seeds: int) -> Design:
    """The grid of a teacher.

    Args:
        inputs: what is read.
        sizes: how many layers and widths to cut at.
        tokens: tokens a student reads.
        seeds: repetitions.

    Raises:
        UsageError: the teacher has too few layers.
    """
    own = inputs.sizes
    depths, widths = elastic.grid(own.layers, own.hidden, sizes)
    recipe = PretrainRecipe(
        layers=own.layers,
        hidden=own.hidden,
        heads=own.heads,
        intermediate=own.intermediate,
        vocabulary_size=own.vocabulary,
        sequence_length=inputs.sequence,
        batch_tokens=TEXTS * inputs.sequence,
        tokens=tokens,
        learning_rate=RATE,
        evaluations=1,
    )
    return Design(depths, widths, recipe, seeds)


def cells(of: Design) -> list[Cell]:
    """All trainings, each once: training for the full size only is that size's own student."""
    found = [Cell(START, 0, of.full)]
    for seed in range(of.seeds):
        found += [Cell(LIST, seed), *([Cell(RANDOM, seed)] if of.can_draw else [])]
        found += [Cell(SEPARATE, seed, size) for size in of.sizes]
    return found


def run(inputs: Inputs, of: Design, where: Path, *, device: str = "auto", processes: int | None = None) -> pd.DataFrame:
    """Train every student, cut it everywhere, and measure; what is finished is found again.

    Args:
        inputs: from :func:`smallbert.studies.elastic_reading.prepare`.
        of: from :func:`design`.
        where: folder of finished cells.
        device: auto, cpu or cuda.
        processes: trained at once on a CPU; all cores by default.

    Returns:
        One row an arm, seed, size and coverage: ``arm``, ``seed``, ``layer``, ``width``, ``coverage`` (1 is the whole
        vocabulary), :data:`MEASURES`, ``parameters``, ``megabytes``, ``bytes a vector``, ``operations`` (a
        token).

    Raises:
        UsageError: the loss is no longer finite.
        MachineError: a worker was killed, or the disk is full.
    """
    kind = runtime.device(device).type
    trainings = cells(of)
    paths = [where / f"{_key(cell, inputs, of)}.json" for cell in trainings]
    missing = [(cell, path) for cell, path in zip(trainings, paths, strict=True) if not path.exists()]
    units = of.recipe.steps * of.recipe.batch_tokens
    read = inputs.folder, inputs.source, of
    jobs = [
        workers.Job(cell.name, _train, (cell, *read, path, kind), units, cost=cell.depth(of) * units)
        for cell, path in missing
    ]
    workers.run(
        jobs,
        label="elastic",
        unit="tokens",
        finished=units * (len(trainings) - len(jobs)),
        kind=kind,
        workers=processes,
    )
    rows: list[dict[str, Any]] = []
    for cell, path in zip(trainings, paths, strict=True):
        for row in storage.read_json(path):
            rows.append({"arm": cell.arm, "seed": cell.seed} | row)
            if cell.arm == SEPARATE and cell.only == of.full:
                rows[-1]["arm"] = FULL
                if (row["layer"], row["width"], row["coverage"]) == (*of.full, WHOLE):
                    rows.append(rows[-1] | {"arm": SEPARATE})
    found = pd.DataFrame(rows)
    costs = [_costs(inputs, row) for row in found[["layer", "width", "coverage"]].to_dict("records")]
    return pd.concat([found, pd.DataFrame(costs)], axis=1)


class Objective:
    """What one student is asked for: see :class:`smallbert.models.training.Objective`.

    Args:
        model: the student.
        ids: token ids of the texts to train on, (n, L).
        real: which are tokens of the text, bool, (n, L).
        teacher: the teacher's vectors of these texts about their mean, (n, d).
        cell: which sizes a step takes.
        of: the study's design.
    """

    def __init__(
        self, model: ElasticStudent, ids: Tensor, real: Tensor, teacher: Tensor, cell: Cell, of: Design
    ) -> None:
        self.model, self.ids, self.real, self.teacher = model, ids, real, teacher
        self.cell, self.design, self.recipe = cell, of, replace(of.recipe, seed=cell.seed)

    def rows(self, step: int) -> np.ndarray:
        """Which texts a step reads: each epoch in a new random order, epochs without a gap."""
        places = np.arange(step * self.recipe.rows, (step + 1) * self.recipe.rows)
        orders = {
            epoch: generator(self.recipe.seed, ORDER_STREAM, epoch).permutation(len(self.ids))
            for epoch in set((places // len(self.ids)).tolist())
        }
        return np.array([orders[place // len(self.ids)][place % len(self.ids)] for place in places.tolist()])

    def loss(self, step: int) -> Tensor:
        """Of the sizes that the step takes."""
        rows = torch.from_numpy(self.rows(step)).to(self.ids.device)
        pairs = self.cell.pairs(self.design, step)
        vectors = self.model(self.ids[rows], self.real[rows], sorted({layer for layer, _ in pairs}))
        return elastic.pair_list_loss(vectors, self.teacher[rows], pairs)

    def evaluate(self) -> dict[str, float]:
        """Nothing: students are measured once they are cut."""
        return {}


def trained(
    cell: Cell, inputs: Inputs, of: Design, kind: str, report: Callable[[int], None] | None = None
) -> ElasticStudent:
    """One student, trained."""
    student = elastic_student.start(inputs.source, inputs.pca, layer=cell.depth(of), pooling=inputs.pooling).to(kind)
    if cell.arm == START:
        return student
    ids, real = reading.padded(inputs.train, inputs.sequence)
    texts, tokens, teacher = (torch.from_numpy(one).to(kind) for one in (ids, real, inputs.teacher))
    objective = Objective(student, texts, tokens, teacher, cell, of)
    fit(objective, objective.recipe, None, cell.name, report=report or (lambda tokens: None))
    return student


def _train(
    cell: Cell, folder: Path, source: str, of: Design, path: Path, kind: str, *, report: Callable[[int], None]
) -> None:
    """Train a student, cut it at every size it was trained to be cut at, and write what each cut is worth."""
    inputs = Inputs.open(folder, source)
    student = trained(cell, inputs, of, kind, report)
    alone = cell.arm == SEPARATE and cell.only != of.full
    sizes = [cell.only] if alone and cell.only else of.sizes
    # The vocabulary is an axis of the student that is offered; the others are its controls.
    coverages = [*inputs.tests] if cell.arm == LIST else [WHOLE]
    storage.write_json(path, reading.measure(student, inputs, sizes, coverages))


def _key(cell: Cell, inputs: Inputs, of: Design) -> str:
    # A student of one size depends on no other, so a wider grid finds it again.
    grid = of.sizes if cell.only is None or cell.only == of.full else cell.only
    return storage.digest([VERSION, inputs.key, asdict(cell), asdict(of.recipe), grid])


def _costs(inputs: Inputs, row: dict[str, Any]) -> dict[str, float]:
    """What a cut student costs: pooler and heads, which make no vectors, are not counted."""
    sizes = replace(inputs.sizes, layers=row["layer"], vocabulary=inputs.vocabularies[row["coverage"]])
    total = parameters.count(sizes).total + row["width"] * (sizes.hidden + 1)
    return {
        "parameters": total,
        "megabytes": BYTES["fp32"] * total / 1e6,
        "bytes a vector": BYTES["fp32"] * row["width"],
        "operations": flops.per_token(sizes),
    }
