"""Entities and relations as vectors: translational (TransE) and bilinear (DistMult, ComplEx).

All three turn a head and a relation into a query that is compared with every tail, and a tail and a relation into one
that is compared with every head; so a batch is one matrix product with the candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from smallbert import runtime, storage
from smallbert.errors import UsageError
from smallbert.knowledge.graph import Graph
from smallbert.models import training
from smallbert.models.masking import generator
from smallbert.models.workers import Job, run

Form = Literal["transe", "distmult", "complex"]

FORMS: tuple[Form, ...] = get_args(Form)

WEIGHTS_STREAM, ORDER_STREAM, NEGATIVES_STREAM = 42, 43, 44

VERSION = 1
"""Part of every key: raise it when the same triples and recipe would give other vectors."""

VECTORS = "vectors.safetensors"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class GraphRecipe:
    """Everything that decides an embedding, the graph aside.

    Args:
        form: transe, distmult or complex.
        width: numbers of a vector; even for complex, whose second half are the imaginary parts.
        epochs: times every triple is read.
        batch_size: triples a step.
        negatives: random entities that all triples of a step are told from.
        learning_rate: first rate; it falls linearly to zero.
        seed: of first weights, order and negatives.

    Raises:
        UsageError: an unknown form, an odd width for complex, or a number below 1.
    """

    form: Form = "transe"
    width: int = 32
    epochs: int = 40
    batch_size: int = 512
    negatives: int = 256
    learning_rate: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UsageError(f"Expected one of the forms {', '.join(FORMS)}, got {self.form!r}.")
        if self.form == "complex" and self.width % 2:
            raise UsageError(f"Expected an even width for complex vectors, got {self.width}.")
        if min(self.width, self.epochs, self.batch_size, self.negatives) < 1 or not self.learning_rate > 0:
            raise UsageError(f"Expected numbers above 0, got {self}.")


class GraphEmbedding(nn.Module):
    """Vectors of a graph and the scores of its triples; a triple that is true should score high.

    - TransE (Bordes et al. 2013): minus the squared distance of head + relation from the tail.
    - DistMult (Yang et al. 2015): sum of head, relation and tail multiplied.
    - ComplEx (Trouillon et al. 2016, equation 9): real part of the same, the tail conjugated.

    Args:
        form: of the score.
        entities, relations: how many.
        width: numbers of a vector.
        seed: of the first weights, N(0, 1 / width).
    """

    entities: nn.Parameter
    relations: nn.Parameter

    def __init__(self, form: Form, entities: int, relations: int, width: int, seed: int = 0) -> None:
        super().__init__()
        self.form = form
        random = generator(seed, WEIGHTS_STREAM)
        for name, count in (("entities", entities), ("relations", relations)):
            draws = random.standard_normal((count, width), dtype=np.float32) / math.sqrt(width)
            setattr(self, name, nn.Parameter(torch.from_numpy(draws)))

    def tail_queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """What tails are compared with: numbers (n), (n) -> (n, d)."""
        head, relation = self.entities[heads], self.relations[relations]
        if self.form == "transe":
            return head + relation
        if self.form == "distmult":
            return head * relation
        (a, b), (c, d) = head.chunk(2, -1), relation.chunk(2, -1)
        return torch.cat([a * c - b * d, a * d + b * c], -1)

    def head_queries(self, relations: Tensor, tails: Tensor) -> Tensor:
        """What heads are compared with: numbers (n), (n) -> (n, d)."""
        relation, tail = self.relations[relations], self.entities[tails]
        if self.form == "transe":
            return tail - relation
        if self.form == "distmult":
            return tail * relation
        (a, b), (c, d) = tail.chunk(2, -1), relation.chunk(2, -1)
        return torch.cat([a * c + b * d, b * c - a * d], -1)

    def compare(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Scores of entities, (n, d) and (m, d) -> (n, m)."""
        products = queries @ entities.T
        if self.form != "transe":
            return products
        return 2 * products - queries.square().sum(-1, keepdim=True) - entities.square().sum(-1)

    def score(self, triples: Tensor) -> Tensor:
        """Scores of triples, (n, 3) -> (n)."""
        heads, relations, tails = triples.unbind(-1)
        queries, tail = self.tail_queries(heads, relations), self.entities[tails]
        return -(queries - tail).square().sum(-1) if self.form == "transe" else (queries * tail).sum(-1)


class _Run:
    """A recipe over a number of triples, as :func:`smallbert.models.training.fit` reads it."""

    weight_decay = 0.0
    batch_tokens = 1

    def __init__(self, recipe: GraphRecipe, triples: int) -> None:
        self.recipe, self.triples = recipe, triples
        self.steps = math.ceil(triples * recipe.epochs / recipe.batch_size)
        self._order = lru_cache(maxsize=2)(
            lambda epoch: generator(recipe.seed, ORDER_STREAM, epoch).permutation(triples)
        )

    def rate(self, step: int) -> float:
        return self.recipe.learning_rate * (self.steps - step) / self.steps

    def evaluation_steps(self) -> set[int]:
        return {self.steps}

    def batch(self, step: int) -> np.ndarray:
        """Numbers of the triples of a step; epochs follow without a gap."""
        size = self.recipe.batch_size
        places = (
            divmod(place, self.triples)
            for place in range(step * size, min((step + 1) * size, self.triples * self.recipe.epochs))
        )
        return np.array([self._order(epoch)[place] for epoch, place in places])


class _Telling:
    """Tell a triple's tail, and its head, from random entities: sampled softmax (cf. Ruffinelli et al. 2020)."""

    def __init__(self, model: GraphEmbedding, triples: np.ndarray, run: _Run) -> None:
        self.model, self.run, self.device = model, run, model.entities.device
        self.triples = torch.from_numpy(triples)

    def loss(self, step: int) -> Tensor:
        """Mean cross-entropy in nats of both sides: a function of the weights and the step's number only."""
        model, recipe = self.model, self.run.recipe
        heads, relations, tails = self.triples[self.run.batch(step)].to(self.device).unbind(-1)
        drawn = generator(recipe.seed, NEGATIVES_STREAM, step).integers(len(model.entities), size=recipe.negatives)
        negatives = torch.from_numpy(drawn).to(self.device)
        right = model.score(torch.stack([heads, relations, tails], -1))[:, None]
        target = torch.zeros(len(heads), dtype=torch.long, device=self.device)
        total: Any = 0.0
        for queries, answers in (
            (model.tail_queries(heads, relations), tails),
            (model.head_queries(relations, tails), heads),
        ):
            wrong = model.compare(queries, model.entities[negatives])
            wrong = wrong.masked_fill(negatives == answers[:, None], -torch.inf)
            total = total + F.cross_entropy(torch.cat([right, wrong], 1), target)
        return total / 2

    def evaluate(self) -> dict[str, float]:
        return {}


def embed_all(
    graph: Graph, recipes: Mapping[str, GraphRecipe], where: Path, *, device: str = "auto", workers: int | None = None
) -> dict[str, GraphEmbedding]:
    """Embed the given triples of a graph by every recipe, or find them embedded.

    Args:
        graph: the graph.
        recipes: by name.
        where: an embedding's folder is ``where/graph-KEY``.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.
    """
    kind = runtime.device(device).type
    content = storage.digest([graph.entities, graph.relations, graph.train])
    keys = {name: storage.digest([content, asdict(one), kind], version=VERSION) for name, one in recipes.items()}
    folders = {name: where / f"graph-{key}" for name, key in keys.items()}
    missing = [name for name, folder in folders.items() if not (folder / VECTORS).exists()]
    if missing:
        storage.make_folder(where)
        with storage.lock(where, "graphs", wait=True):
            sizes = len(graph.entities), len(graph.relations)
            jobs = []
            for name in missing:
                steps, folder = _Run(recipes[name], len(graph.train)).steps, folders[name]
                done = training.trained_steps(folder / CHECKPOINT)
                jobs.append(Job(name, embed, (graph.train, sizes, recipes[name], folder, kind), steps, done, steps))
            run(jobs, label="graph", unit="steps", kind=kind, workers=workers)
    return {name: _load(graph, recipes[name], folder).to(kind) for name, folder in folders.items()}


def embed(
    triples: np.ndarray,
    sizes: tuple[int, int],
    recipe: GraphRecipe,
    folder: Path,
    device: str,
    *,
    report: Callable[[int], None],
) -> None:
    """Train one embedding and write its vectors; a killed run goes on from its checkpoint."""
    if (folder / VECTORS).exists():
        return
    model = GraphEmbedding(recipe.form, *sizes, recipe.width, recipe.seed).to(device)
    plan = _Run(recipe, len(triples))
    storage.make_folder(folder)
    training.fit(
        _Telling(model, triples, plan), plan, folder / CHECKPOINT, folder.name, checkpoint_every=2000, report=report
    )
    with storage.atomic_write(folder / VECTORS) as file:
        file.write(save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _load(graph: Graph, recipe: GraphRecipe, folder: Path) -> GraphEmbedding:
    model = GraphEmbedding(recipe.form, len(graph.entities), len(graph.relations), recipe.width)
    model.load_state_dict(load_file(folder / VECTORS))
    return model
