"""The command line: ``smallbert run | params | render | embed | verify | env``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from smallbert import __version__
from smallbert.errors import SmallbertError, UsageError

# Heavy libraries are imported inside the commands, so that help and `params` answer at once.

_EXAMPLES = """examples:
  smallbert run                                      the default report, pages in report/default/
  smallbert run --profile smoke --dry-run            what would run, and why
  smallbert run --profile news -p corpus=my.csv      your own articles (title and text columns are guessed)
  smallbert run --only 02 -p 02_autoencoder_depth.seeds=7
  smallbert embed my.csv --encoder minilm --out vectors/

exit codes: 0 done, 2 usage, 3 data, 4 machine, 5 a notebook failed, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors made for users print without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except SmallbertError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  next: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted: what is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smallbert",
        description="How small can a multilingual BERT be made, and what does it cost?",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"smallbert {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="execute the report's notebooks in order and render their pages")
    run.add_argument("--profile", default="default", help="named settings of data/profiles.toml (%(default)s)")
    run.add_argument("--edition", help="name of the output folders (the profile's name)")
    run.add_argument(
        "-p",
        dest="settings",
        metavar="[NOTEBOOK.]NAME=VALUE",
        action="append",
        default=[],
        help="set a parameter, in every notebook that has it or in one; lists and tables as JSON; may be repeated",
    )
    run.add_argument("--only", metavar="NOTEBOOK", help="this notebook (02 is enough) and what it needs")
    run.add_argument("--force", action="store_true", help="run even what is up to date")
    run.add_argument("--dry-run", action="store_true", help="say what would run and why, then stop")
    run.add_argument("--jobs", type=_count, default=1, help="notebooks at a time, where independent (%(default)s)")
    run.add_argument("--no-render", dest="render", action="store_false", help="leave the pages as they are")
    run.add_argument("--out", type=Path, help="folder for data/, figures/ and report/ (the project)")
    run.set_defaults(command=_run)

    params = commands.add_parser("params", help="list every parameter with type, value and meaning")
    params.add_argument("--profile", help="show this profile's values beside the defaults")
    params.set_defaults(command=_params)

    render = commands.add_parser("render", help="render an edition's pages again from its executed notebooks")
    render.add_argument("--edition", default="default", help="which edition (%(default)s)")
    render.add_argument("--out", type=Path, help="folder that holds data/, figures/ and report/ (the project)")
    render.set_defaults(command=_render)

    embed = commands.add_parser("embed", help="embed a corpus into a store of vectors; resumes where it stopped")
    embed.add_argument(
        "corpus",
        help="articles: a file, a folder, a corpus.toml, hub:OWNER/NAME (a data set on the hub), a prepared corpus, "
        "or world",
    )
    embed.add_argument("--encoder", required=True, help="minilm, a folder or a hub id")
    embed.add_argument("--out", type=Path, required=True, help="folder of the store")
    embed.add_argument(
        "--column",
        dest="columns",
        metavar="OURS=THEIRS",
        action="append",
        default=[],
        help="name of a column in the corpus, such as title=headline; may be repeated",
    )
    embed.add_argument("--lang", default="", help="language of every article, such as en (the column lang, if any)")
    embed.add_argument(
        "--max-bad-rows",
        type=_limit,
        metavar="SHARE|NUMBER",
        help="unusable rows to skip before stopping: a share such as 0.05, or a number such as 20 (0.01)",
    )
    embed.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="embed copies too; else exact copies are left out, and near ones that cross train, validation and test",
    )
    embed.add_argument("--rows", type=_count, help="draw so many articles at random (all)")
    embed.add_argument("--pooling", choices=("mean", "cls"), default="mean", help="%(default)s")
    embed.add_argument("--layer", type=int, default=-1, help="layer that is read; -1 is the last")
    embed.add_argument("--max-tokens", type=_count, default=128, help="longer texts are cut there (%(default)s)")
    embed.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="%(default)s")
    embed.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="%(default)s")
    embed.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="compute part I of N, for N processes that share the folder (1/1)",
    )
    embed.set_defaults(command=_embed)

    verify = commands.add_parser("verify", help="check a store: checksums, shapes, no NaN")
    verify.add_argument("store", type=Path, help="folder of the store")
    verify.set_defaults(command=_verify)

    commands.add_parser("env", help="describe the environment, to paste into a report").set_defaults(command=_env)
    return parser


def _run(options: argparse.Namespace) -> None:
    from smallbert import paths
    from smallbert.report import notebooks, profiles, stages

    _set_out(options.out)
    profile = profiles.choose(options.profile)
    found = notebooks.discover()
    parameters = profiles.resolve(profile, [one.stem for one in found], options.settings, edition=options.edition)
    profiles.require(profile, options.settings)
    only = notebooks.select(found, options.only).stem if options.only else None
    edition = paths.edition(options.edition or profile.name)
    planned = stages.plan(edition, found, parameters, only=only, force=options.force)
    print(
        f"edition {edition.name}, profile {profile.name}: {profile.description}\n"
        f"about {profile.minutes} min in all on {profile.machine}",
        file=sys.stderr,
    )
    if options.dry_run:
        for stage in planned:
            print(f"{'run ' if stage.reasons else 'keep'}  {stage.stem}  {'; '.join(stage.reasons) or 'up to date'}")
        return

    from smallbert.report.record import write_run
    from smallbert.report.runner import Runner

    command = ["smallbert", "run", "--profile", profile.name]
    command += ["--edition", edition.name] if edition.name != profile.name else []
    command += [argument for setting in options.settings for argument in ("-p", setting)]
    try:
        Runner(profile.name, command, jobs=options.jobs).run(planned)
    finally:
        write_run(edition, found)
    if options.render:
        from smallbert.report.render import render

        print(render(edition, found))


def _params(options: argparse.Namespace) -> None:
    from smallbert.report import profiles
    from smallbert.report.parameters import MODELS
    from smallbert.report.spelling import type_name

    profile = profiles.choose(options.profile) if options.profile else None
    resolved = profiles.resolve(profile, MODELS) if profile else {}
    rows = [("notebook", "parameter", "type", "default", *([profile.name] if profile else []), "meaning")]
    for stem, model in MODELS.items():
        for name, field in model.model_fields.items():
            if name == "edition":
                continue  # --edition sets it
            value = [str(getattr(resolved[stem], name))] if profile else []
            meaning = field.description or ""
            rows.append((stem, name, type_name(field), str(field.default), *value, meaning))
    _print_table(rows)
    if profile is None:
        known = "\n".join(f"  {one.name:<8} {one.description}" for one in profiles.load().values())
        print(f"\nprofiles:\n{known}")


def _render(options: argparse.Namespace) -> None:
    from smallbert import paths
    from smallbert.report import notebooks
    from smallbert.report.render import render

    _set_out(options.out)
    print(render(paths.edition(options.edition), notebooks.discover()))


def _embed(options: argparse.Namespace) -> None:
    from smallbert.compress.embeddings import extract
    from smallbert.models.encoder import load
    from smallbert.report import embedding

    columns = dict(_pair(text) for text in options.columns)
    embedding.refuse_what_has_no_meaning(options)
    # The encoder first: a wrong name costs no pass over the corpus.
    encoder = load(
        options.encoder,
        pooling=options.pooling,
        layer=options.layer,
        max_tokens=options.max_tokens,
        precision=options.precision,
        device=options.device,
    )
    corpus = embedding.corpus(options, columns)
    store = extract(corpus, encoder, options.out, shard=options.shard)
    print(f"{options.corpus}: {corpus.summary()}")
    if store is None:
        print(f"part {options.shard[0]} of {options.shard[1]} is finished; others are still missing.")
    else:
        print(f"{options.out}: {len(store):,} vectors of width {store.width}")


def _verify(options: argparse.Namespace) -> int:
    from smallbert.compress.store import EmbeddingStore, verify

    findings = verify(options.store)
    for finding in findings:
        print(finding)
    if not findings:
        print(f"{options.store}: {len(EmbeddingStore.open(options.store)):,} vectors, all as recorded")
    return 3 if findings else 0


def _env(options: argparse.Namespace) -> None:
    from smallbert import provenance

    stamp = provenance.stamp()
    rows = {"commit": stamp["commit"], "modified": stamp["modified"], **stamp["versions"], **stamp["machine"]}
    rows["interpreter"] = sys.executable
    _print_table([(name, str(value)) for name, value in rows.items()])


def _set_out(out: Path | None) -> None:
    if out is not None:
        os.environ["SMALLBERT_OUT"] = str(out.resolve())


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns, the last as wide as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise UsageError(f"--column: expected OURS=THEIRS, got {text!r}.", "For example --column title=headline.")
    return ours, theirs


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _limit(text: str) -> int | float:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a share such as 0.05 or a whole number, got {text!r}") from error


def _shard(text: str) -> tuple[int, int]:
    number, _, total = text.partition("/")
    if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, got {text!r}")
    return int(number), int(total)


if __name__ == "__main__":
    sys.exit(main())
