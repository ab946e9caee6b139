"""The commands that act on the report: ``smallbert recommend`` and ``smallbert build``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smallbert.cli.arguments import add_corpus, count, pair

MAX_TOKENS = 128
"""Where a text is cut if neither the report nor a flag says."""

STORED = "stored"
"""As in smallbert.studies.build, which takes long to import."""


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
    recommend = commands.add_parser(
        "recommend",
        help="what to take within a budget, by what an edition measured",
        description="What to take within a budget: the point that keeps most of its reference, with intervals, by what "
        "an edition measured on its pages.",
    )
    budget = recommend.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget-mb", type=_positive, metavar="MB", help="megabytes of an encoder's weights at most")
    budget.add_argument("--budget-bytes", type=_positive, metavar="N", help="bytes of a vector in an index at most")
    recommend.add_argument("--task", default="", help="what to judge by, such as topic (task scores, where measured)")
    recommend.add_argument("--edition", default="default", help="whose points (%(default)s)")
    recommend.set_defaults(command=_recommend)

    build = commands.add_parser(
        "build",
        help="build a point of the frontier from an encoder and a corpus, and check that it is what the report says",
        description="Build a point of the frontier from an encoder and a corpus, and hold it to what the report "
        "measured. POINT is trim-COVERAGE, pca-K (pca-K-int8 and so on), another code of page 8 such as "
        "pca-product-16-bytes, fp16, int8, int4, trim-COVERAGE+ one of the others, such as trim-0.99+pca-64, "
        "drop-layers-K-of-N-kept, or a student of the edition, which is trained as its page 5 did. transformers and "
        "sentence-transformers load the folder. With fewer bits "
        f"its {STORED}/ holds what is sent, and `smallbert restore` makes the same encoder of that.",
        epilog="exit code 1: built, but not what the report says",
    )
    build.add_argument("point", metavar="POINT", help="as `smallbert recommend` names it")
    build.add_argument(
        "--encoder", required=True, help="pretrain (what the edition pretrained), minilm, a folder or a hub id"
    )
    build.add_argument("--out", type=Path, required=True, help="folder of the encoder")
    build.add_argument("--edition", default="default", help="whose report to compare with (%(default)s)")
    build.add_argument("--tolerance", type=_positive, metavar="SHARE", help="how far from the report it may be (0.05)")
    build.add_argument(
        "--max-tokens",
        type=count,
        metavar="N",
        help="longest text that is read (as the report had it, else at most 128)",
    )
    build.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto: a GPU if any)"
    )
    add_corpus(build, "--corpus", "articles to build for")
    build.set_defaults(command=_build)

    restore = commands.add_parser(
        "restore",
        help="make an encoder of weights stored in fewer bits",
        description="Make an encoder in 32 bits of weights that `smallbert build` stored in fewer.",
    )
    restore.add_argument("folder", metavar="STORED", type=Path, help=f"what `smallbert build` wrote as {STORED}/")
    restore.add_argument("--out", type=Path, required=True, help="folder of the encoder, in 32 bits")
    restore.set_defaults(command=_restore)


def _recommend(options: argparse.Namespace) -> None:
    from smallbert import paths
    from smallbert.results import Results
    from smallbert.studies import recommend

    cost, budget = ("megabytes", options.budget_mb) if options.budget_mb else ("bytes", options.budget_bytes)
    found = recommend.points(Results(paths.edition(options.edition), "08_frontier"))
    print("\n".join(recommend.answer(found, cost, budget, recommend.measure(found, cost, options.task))))


def _build(options: argparse.Namespace) -> int:
    from smallbert import paths
    from smallbert.compress.vocabulary import check_free
    from smallbert.models import sources
    from smallbert.models.presets import sizes
    from smallbert.report import embedding
    from smallbert.results import Results
    from smallbert.studies import build, build_check, build_student, points
    from smallbert.studies.frontier_points import TEACHER

    results = Results(paths.edition(options.edition), "08_frontier")
    trained = build_student.is_known(results, options.point)
    plan = points.Plan() if trained else points.parse(options.point)
    encoder = build.source(results, options.encoder)
    columns = dict(pair(text) for text in options.columns)
    embedding.refuse_what_has_no_meaning(options)
    check_free(options.out)
    # The teacher first: a wrong name costs no pass over the corpus.
    asked = build_student.find(results, options.point, encoder, options.device) if trained else None
    corpus = embedding.corpus(options, columns)
    row, measured, why = build_check.reported(results, options.point, encoder, corpus)
    read = {"max_tokens": min(MAX_TOKENS, sizes(str(sources.find(encoder))).positions)} | measured
    read |= {"max_tokens": options.max_tokens} if options.max_tokens else {}
    machine: dict[str, Any] = {"device": options.device, "max_tokens": read["max_tokens"]}
    drawn = {name: measured[name] for name in ("seed", "pooling") if name in measured}
    student = asked.over(corpus) if asked else None
    if student:
        made = build_student.build(student, options.out, **machine)
        row = build_student.first_seed(results, student, row)
    else:
        made = build.build(plan, encoder, corpus, options.out, **drawn, **machine)
    print(f"{options.out}: {made.megabytes:.4g} MB of weights")
    if made.code is not None:
        print(f"an index stores its vectors in {made.code.nbytes} bytes each: {options.out / build.INDEX} says how")
    if plan.bits:
        print(f"{options.out / STORED} holds them: `smallbert restore {options.out / STORED} --out FOLDER`")
    how = {"rows": build.TEST_ROWS} | {name: measured[name] for name in ("rows", "metric") if name in measured} | drawn
    if student and row is not None and row.measure == TEACHER:
        found = build_student.masked_words(student, made)
    else:
        found = build.kept(made, encoder, corpus, **how, **machine)
    same, told = build_check.verdict(found, row, why, options.tolerance or build_check.TOLERANCE)
    print(told)
    return 0 if same else 1


def _restore(options: argparse.Namespace) -> None:
    from smallbert.compress import quantize
    from smallbert.compress.vocabulary import check_free

    check_free(options.out)
    quantize.restore(options.folder, options.out)
    print(f"{options.out}: an encoder in 32 bits")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
