"""The commands that act on the report: ``smallbert recommend`` and ``smallbert build``."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from smallbert.cli.arguments import add_corpus, count, pair
from smallbert.errors import DataError, UsageError

if TYPE_CHECKING:
    from smallbert.results import Results
    from smallbert.studies import build_code

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
        "measured. POINT is trim-COVERAGE, pca-K (pca-K-int8 and so on), another map or an autoencoder of page 2 such "
        "as fair-3-layers-32-fp32, another code of page 8 such as pca-product-16-bytes, fp16, int8, int4, "
        "truncate-the-word-table-rank-R, trim-COVERAGE+ one of the others, such as trim-0.99+pca-64, "
        "drop-layers-K-of-N-kept, or a student or an encoder of page 4 of the edition, which are trained as their page "
        "did. transformers and sentence-transformers load the folder. With fewer bits or a narrow word table its "
        f"{STORED}/ holds what is sent; `smallbert restore` makes the same encoder of that.",
        epilog="exit code 1: built, but not what the report says",
    )
    build.add_argument("point", metavar="POINT", help="as `smallbert recommend` names it")
    build.add_argument(
        "--encoder",
        help="what to build from: pretrain (what the edition pretrained), minilm, a folder or a hub id; none for an "
        "encoder of page 4",
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
        description="Make an encoder in 32 bits of weights that `smallbert build` stored in a smaller form.",
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
    from smallbert.cli import corpora
    from smallbert.compress.vocabulary import check_free
    from smallbert.models import last_layer, sources
    from smallbert.models.presets import sizes
    from smallbert.results import Results
    from smallbert.studies import build, build_arm, build_check, build_student, points
    from smallbert.studies.frontier_points import TEACHER

    results = Results(paths.edition(options.edition), "08_frontier")
    if build_arm.is_known(results, options.point):
        return _build_arm(options, results)
    if not options.encoder:
        raise UsageError(f"Expected an encoder to build {options.point} from, got none.", "Name it with --encoder.")
    trained = build_student.is_known(results, options.point)
    plan = points.Plan() if trained else points.parse(options.point)
    encoder = build.source(results, options.encoder)
    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    check_free(options.out)
    # The teacher first: a wrong name costs no pass over the corpus.
    asked = build_student.find(results, options.point, encoder, options.device) if trained else None
    corpus = corpora.corpus(options, columns)
    row, measured, why = build_check.reported(results, options.point, encoder, corpus)
    read = {"max_tokens": min(MAX_TOKENS, sizes(str(sources.find(encoder))).positions)} | measured
    read |= {"max_tokens": options.max_tokens} if options.max_tokens else {}
    machine: dict[str, Any] = {"device": options.device, "max_tokens": read["max_tokens"]}
    drawn: dict[str, Any] = {"pooling": last_layer.own_pooling(sources.find(encoder))}
    drawn |= {name: measured[name] for name in ("seed", "pooling") if name in measured}
    student = asked.over(corpus) if asked else None
    if student:
        made = build_student.build(student, options.out, **machine)
        row = build_student.first_seed(results, student, row)
    else:
        made = build.build(plan, encoder, corpus, options.out, settings=_settings(results), **drawn, **machine)
    print(f"{options.out}: {made.megabytes:.4g} MB in files of weights, headers included")
    if made.code is not None:
        print(f"an index stores its vectors in {made.code.nbytes} bytes each: {options.out / build.INDEX} says how")
    if plan.bits or plan.rank:
        print(f"{options.out / STORED} holds them: `smallbert restore {options.out / STORED} --out FOLDER`")
    how = {"rows": build.TEST_ROWS} | {name: measured[name] for name in ("rows", "metric") if name in measured} | drawn
    if student and row is not None and row.measure == TEACHER:
        found = build_student.masked_words(student, made)
    else:
        found = build.kept(made, encoder, corpus, **how, **machine)
    same, told = build_check.verdict(found, row, why, options.tolerance or build_check.TOLERANCE)
    print(told)
    return 0 if same else 1


def _settings(results: Results) -> build_code.Settings:
    """How the edition's pages train what a point may need; where they have not run, the defaults."""
    from smallbert.report.settings import MODELS
    from smallbert.studies import build_check, build_code
    from smallbert.studies.frontier_points import DEPTH, FRONTIER

    given = {}
    for page in (DEPTH, FRONTIER):
        try:
            own = build_check.parameters(results, page)
        except DataError:
            own = {}
        given[page] = SimpleNamespace(**MODELS[page]().model_dump() | own)
    return build_code.Settings(given[DEPTH], given[FRONTIER])


def _build_arm(options: argparse.Namespace, results: Results) -> int:
    from smallbert.cli import corpora
    from smallbert.compress.vocabulary import check_free
    from smallbert.studies import build_arm, build_check

    if options.encoder:
        raise UsageError(
            f"--encoder has no meaning for {options.point}, which is pretrained from nothing.", "Leave it out."
        )
    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    check_free(options.out)
    asked = build_arm.find(results, options.point)
    corpus = corpora.corpus(options, columns)
    made = build_arm.build(asked, corpus, options.out, max_tokens=options.max_tokens, device=options.device)
    print(f"{options.out}: {made.megabytes:.4g} MB in files of weights, headers included")
    tolerance = options.tolerance or build_check.TOLERANCE
    same, told = build_arm.verdict(results, asked, corpus, made, tolerance)
    print(told)
    return 0 if same else 1


def _restore(options: argparse.Namespace) -> None:
    from smallbert.compress.vocabulary import check_free
    from smallbert.studies.build import restore

    check_free(options.out)
    if (within := options.folder / STORED).is_dir():
        raise UsageError(f"Expected stored weights, but {options.folder} is what holds them.", f"Name {within}.")
    restore(options.folder, options.out)
    print(f"{options.out}: an encoder in 32 bits")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
