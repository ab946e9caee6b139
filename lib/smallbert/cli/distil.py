"""The command that makes a small student of a large encoder: ``smallbert distil``."""

from __future__ import annotations

import argparse
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from smallbert.cli.arguments import add_corpus, count, pair
from smallbert.errors import UsageError

if TYPE_CHECKING:
    from smallbert.compress.distill.teacher import Teacher
    from smallbert.models.recipe import PretrainRecipe

EPOCHS = 3
"""Passes over the corpus without ``--max-steps``, as DistilBERT's."""

METHODS = ("alone", "hinton", "distilbert", "pkd", "tinybert", "tinybert-general", "minilm", "sentence")
STARTS = ("fresh", "embeddings", "released", "even", "top", "bottom", "random")


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the command."""
    distil = commands.add_parser(
        "distil",
        help="distil an encoder into a smaller one; resumes where it stopped",
        description="Distil an encoder into a smaller one. Stopped or killed, the same command goes on; torchrun "
        "shares each step between processes, as for pretrain.",
    )
    distil.add_argument("--teacher", required=True, help="minilm, a folder or a hub id")
    distil.add_argument("--student-layers", type=count, required=True, metavar="N", help="layers of the student")
    distil.add_argument("--student-hidden", type=count, metavar="H", help="width of the student (the teacher's)")
    distil.add_argument("--student-heads", type=count, metavar="A", help="attention heads (as many as the teacher)")
    distil.add_argument(
        "--method",
        choices=METHODS,
        help="which losses (distilbert; sentence for a teacher that predicts no words)",
    )
    distil.add_argument("--temperature", type=float, metavar="T", default=2.0, help="of the soft targets (%(default)s)")
    distil.add_argument(
        "--map",
        choices=STARTS,
        help="teacher layers the student starts from, or its embeddings alone (released where they fit the student, "
        "else fresh)",
    )
    distil.add_argument("--max-steps", type=count, metavar="S", help=f"stop after S steps ({EPOCHS} epochs)")
    distil.add_argument(
        "--max-tokens", type=count, metavar="N", default=128, help="longest text the student reads (%(default)s)"
    )
    distil.add_argument("--batch-tokens", type=count, metavar="N", default=4096, help="tokens of a step (%(default)s)")
    distil.add_argument("--learning-rate", type=float, metavar="RATE", default=5e-4, help="peak rate (%(default)s)")
    distil.add_argument("--seed", type=int, metavar="N", default=0, help="of weights, order and masks (%(default)s)")
    distil.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="number format (auto)")
    distil.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto: a GPU if any)"
    )
    distil.add_argument("--out", type=Path, required=True, help="folder of the student")
    add_corpus(distil, "--corpus", "articles to distil on")
    distil.set_defaults(command=_distil)


def _distil(options: argparse.Namespace) -> None:
    from smallbert.models import parallel

    with parallel.processes(options.device):
        _share(options)


def _share(options: argparse.Namespace) -> None:
    """Distil in this process alone, or in one of those that torchrun started."""
    from smallbert import paths, storage
    from smallbert.cli import corpora
    from smallbert.compress.distill import teacher as teachers
    from smallbert.compress.distill.methods import Method
    from smallbert.compress.distill.train import FINISHED, check, distil, encode, epoch_tokens
    from smallbert.models import parallel
    from smallbert.models.alone import held
    from smallbert.models.recipe import PretrainRecipe
    from smallbert.studies.embed import Texts

    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    # The teacher first: a wrong name or size costs no pass over the corpus.
    teacher = teachers.load(options.teacher, precision=options.precision, device=options.device)
    hidden = options.student_hidden or teacher.width
    sizes = {
        "layers": options.student_layers,
        "hidden": hidden,
        "heads": options.student_heads or teacher.weights.heads,
        "intermediate": teacher.intermediate * hidden // teacher.width,
        "sequence_length": options.max_tokens,
        "batch_tokens": options.batch_tokens,
        "learning_rate": options.learning_rate,
        "warmup_fraction": 0.05,
        "precision": options.precision,
        "seed": options.seed,
    }
    method = Method(options.method or ("distilbert" if teacher.head else "sentence"), temperature=options.temperature)
    start = options.map or _start(PretrainRecipe(**sizes), teacher)
    check(PretrainRecipe(**sizes), method, start, teacher)
    corpus = corpora.corpus(options, columns)
    work = paths.cache() / "distil" / storage.digest([corpus.key, teacher.identity["sha256"]])
    store = encode(Texts(corpus), teacher, work / "tokens", data_key=corpus.key)
    tokens = EPOCHS * epoch_tokens(store, method, options.max_tokens)
    if options.max_steps:
        tokens = min(tokens, options.max_steps * options.batch_tokens)
    recipe = PretrainRecipe(**sizes, tokens=tokens)
    del teacher
    with held(work):  # another student of this teacher and corpus waits: both keep what it says in one place
        distil(store, options.teacher, recipe, method, options.out, start=start, work=work, device=options.device)
        if parallel.here().first:
            shutil.rmtree(work / "teacher", ignore_errors=True)  # gigabytes; another student lets it read again
    if parallel.here().first:
        print(f"{options.corpus}: {corpus.summary()}")
        _tell(options.out, storage.read_json(options.out / FINISHED))


def _start(recipe: PretrainRecipe, teacher: Teacher) -> str:
    """Where a student starts that was not told: from the teacher's layers where they fit it."""
    from smallbert.compress.distill.students import require_copies

    try:
        require_copies(recipe, teacher)
    except UsageError:
        return "fresh"
    return "released" if recipe.layers <= teacher.layers else "fresh"


def _tell(out: Path, made: dict) -> None:
    """What was made, in a few lines."""
    recipe, measures, teacher = made["recipe"], made["measures"], made["teacher"]
    share = made["parameters"] / teacher["parameters"]
    print(
        f"{out}: {recipe['layers']} layers, width {recipe['hidden']}, {recipe['heads']} heads, "
        f"{made['parameters']:,} parameters ({share:.1%} of {teacher['name']}'s {teacher['parameters']:,})"
    )
    for temperature, kept in made["mass_kept"].items():
        print(f"teacher: {kept:.1%} of its probability at temperature {temperature} is on the logits that were kept")
    print(f"held-out loss {measures['held_out_loss']:.4f}", end="")
    if "held_out_accuracy" in measures:
        print(f", {measures['held_out_accuracy']:.1%} of the masked tokens right", end="")
    if not math.isnan(measures.get("agreement", math.nan)):  # it is where too few texts are held out to compare
        print(f", agreement with the teacher {measures['agreement']:.3f}", end="")
    print(f"; {made['seconds']:.0f} s of training")
