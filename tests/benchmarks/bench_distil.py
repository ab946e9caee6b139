"""Distilling a sentence encoder against the loop one writes first: teacher and student forward in every step.

    python tests/benchmarks/bench_distil.py            96 texts, one epoch and three, 5 rounds
    python tests/benchmarks/bench_distil.py --quick    64 texts, 1 round: to see that it runs

The teacher is MiniLM (6 x 384), the student a fresh BERT of 4 x 256 with a projection to 384, the loss one minus the
cosine of the embeddings. Texts are those of texts.py, cut at 128 tokens, tokenised before, for all; no dropout
on either side. The plain loop pads random batches of 32 texts and runs in fp32. Ours includes the teacher's pass, on
disk. Losses of the untrained student over all texts stand beside, to see that both compute the same.
"""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import machine
import numpy as np
import torch
import transformers
from compare import Variant, compare
from texts import news, reading, training
from torch.nn import functional as F

from smallbert.compress.distill import students
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.inputs import UnmaskedTexts
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.objectives import Distillation
from smallbert.compress.distill.projections import Student
from smallbert.compress.distill.recording import record
from smallbert.models import sources
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import from_config
from smallbert.models.tokenizer import SEP
from smallbert.models.training import make_optimizer, update

LENGTH, TEXTS = 128, 32
METHOD = Method("sentence").without("cosine")


def sized(epochs: int, rows: int, precision: str) -> PretrainRecipe:
    """The student's recipe for so many passes over the rows."""
    sizes = {"layers": 4, "hidden": 256, "heads": 4, "intermediate": 1024, "sequence_length": LENGTH}
    return PretrainRecipe(
        **sizes, batch_tokens=LENGTH * TEXTS, tokens=epochs * rows * LENGTH, learning_rate=1e-4, precision=precision
    )


def fresh(teacher: teachers.Teacher, recipe: PretrainRecipe) -> Student:
    """The same untrained student for every variant."""
    encoder = students.build(recipe, teacher, students.FRESH, torch.device("cpu"))
    return Student(encoder, METHOD, teacher.width, seed=0)


class Plain:
    """Padded batches, two forwards a step.

    Args:
        ids: token ids of each text, in our numbering.
        teacher: whose vocabulary numbers them.
        recipe: of the student.
    """

    def __init__(self, ids: list[np.ndarray], teacher: teachers.Teacher, recipe: PretrainRecipe) -> None:
        self.ids, self.theirs, self.width = ids, torch.from_numpy(teacher.vocabulary.theirs), teacher.width
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.model = transformers.AutoModel.from_pretrained(sources.find("minilm"), add_pooling_layer=False).eval()
        self.student = fresh(teacher, recipe)
        self.student.encoder.set_attn_implementation("sdpa")
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=1e-4)

    def loss(self, chosen: np.ndarray) -> torch.Tensor:
        """Of some texts, in one padded batch."""
        parts = [torch.from_numpy(self.ids[text]) for text in chosen]
        ids = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
        mask = (ids != 0).long()
        with torch.no_grad():
            given = pooled(self.model(self.theirs[ids], attention_mask=mask).last_hidden_state, mask)
        own = pooled(self.student.encoder.bert(ids, attention_mask=mask).last_hidden_state, mask)
        return (1 - F.cosine_similarity(self.student.lift("pooled", own), given)).mean()

    def untrained(self) -> float:
        """Mean loss over all texts before any step."""
        with torch.no_grad():
            batches = np.array_split(np.arange(len(self.ids)), len(self.ids) // TEXTS)
            return float(np.average([self.loss(one).item() for one in batches], weights=[len(one) for one in batches]))

    def run(self, epochs: int) -> None:
        """Train."""
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(self.ids))
            for start in range(0, len(order), TEXTS):
                loss = self.loss(order[start : start + TEXTS])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()


def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the attended tokens of each text."""
    return (hidden * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)


class Ours:
    """Everything recorded, then the student alone.

    Args:
        ids: token ids of each text, in our numbering.
        teacher: the teacher.
        precision: of both.
    """

    def __init__(self, ids: list[np.ndarray], teacher: teachers.Teacher, precision: str) -> None:
        self.stream, self.teacher, self.precision = np.concatenate(ids), teacher, precision
        self.rows = UnmaskedTexts(self.stream, sized(1, 1, precision)).rows
        self.student = fresh(teacher, sized(1, 1, precision))

    def objective(self, epochs: int, folder: str) -> tuple[Distillation, PretrainRecipe]:
        """The teacher's pass, and what the student is asked for."""
        recipe = sized(epochs, self.rows, self.precision)
        inputs = UnmaskedTexts(self.stream, recipe)
        given = record(self.teacher, inputs, {"pooled"}, Path(folder), data="benchmark", progress=io.StringIO())
        objective = Distillation(
            self.student,
            inputs,
            inputs,
            given,
            given,
            METHOD,
            teacher_layers=self.teacher.layers,
            teacher_heads=self.teacher.weights.heads,
            dtype=self.teacher.dtype,
        )
        return objective, recipe

    def untrained(self) -> float:
        """Mean loss over all texts before any step."""
        with tempfile.TemporaryDirectory() as folder:
            return self.objective(1, folder)[0].evaluate()["held_out_loss"]

    def run(self, epochs: int) -> None:
        """Record and train."""
        with tempfile.TemporaryDirectory() as folder:
            objective, recipe = self.objective(epochs, folder)
            optimizer = make_optimizer(objective.model, recipe.weight_decay)
            for step in range(recipe.steps):
                update(objective, optimizer, recipe, step)


def useful(ids: list[np.ndarray], epochs: int) -> float:
    """GFLOP of the teacher's one pass and the student's training."""
    lengths = np.array([len(one) for one in ids])
    teacher = from_config(transformers.AutoConfig.from_pretrained(sources.find("minilm")))
    recipe = sized(1, 1, "fp32")
    student = replace(
        teacher, hidden=recipe.hidden, layers=recipe.layers, heads=recipe.heads, intermediate=recipe.intermediate
    )
    return reading(teacher, lengths) + epochs * training(student, lengths)


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=96, help="texts an epoch (default 96)")
    options = parser.parse_args()
    count = 64 if options.quick else options.texts
    given = {one: teachers.load("minilm", precision=one, device="cpu") for one in ("fp32", "bf16")}
    encoded = [one.ids for one in given["fp32"].vocabulary.encode_batch_fast(news(count))]
    ids = [one if len(one) <= LENGTH else np.r_[one[: LENGTH - 1], SEP] for one in encoded]
    runs: dict[str, Plain | Ours] = {"plain loop, two forwards": Plain(ids, given["fp32"], sized(1, 1, "fp32"))}
    runs |= {f"smallbert {one}": Ours(ids, given[one], one) for one in given}
    losses = {name: {"untrained loss": run.untrained()} for name, run in runs.items()}
    found = [
        compare(
            f"Distillation, {epochs} epoch{'s' if epochs > 1 else ''}",
            {
                name: Variant(partial(run.run, epochs), "bf16" if name.endswith("bf16") else "fp32")
                for name, run in runs.items()
            },
            amount=epochs * sum(map(len, ids)),
            unit="tokens",
            rounds=machine.rounds(options),
            gflop=useful(ids, epochs),
            checks=lambda: losses,
        )
        | {"texts": count}
        for epochs in (1, 3)
    ]
    machine.save("distil", options.out, machine.best_of(one["limits"] for one in found), comparisons=found)


if __name__ == "__main__":
    main()
