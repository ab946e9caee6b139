"""The commands that make the report: ``smallbert run | params | render``, and ``env``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from smallbert.cli.arguments import count, edition, folder, print_table

if TYPE_CHECKING:
    from smallbert.paths import Edition
    from smallbert.report.notebooks import Notebook
    from smallbert.report.page import Content
    from smallbert.report.stages import Stage


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
    run = commands.add_parser(
        "run",
        help="execute the report's notebooks in order and render their pages",
        description="Execute the report's notebooks in order and render their pages; the last line is where they are. "
        "What is up to date is kept: stopped, the same command goes on.",
    )
    run.add_argument("--profile", default="default", help="named settings of data/profiles.toml (%(default)s)")
    run.add_argument("--edition", type=edition, help="name of the output folders (the profile's name)")
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
    run.add_argument(
        "--jobs", type=count, metavar="N", help="notebooks at a time, where independent (1; as the profile says)"
    )
    run.add_argument("--no-render", dest="render", action="store_false", help="leave the pages as they are")
    run.add_argument("--out", type=folder, help="folder for data/, figures/ and report/ (the project)")
    run.set_defaults(command=_run)

    params = commands.add_parser(
        "params",
        help="list every parameter with type, value and meaning",
        description="List every parameter with type, default and meaning, and the profiles. They are set with "
        "`smallbert run -p`.",
    )
    params.add_argument("--profile", help="show this profile's values beside the defaults")
    params.set_defaults(command=_params)

    render = commands.add_parser(
        "render",
        help="render an edition's pages again from its executed notebooks",
        description="Render an edition's pages again from its executed notebooks; nothing is computed.",
    )
    render.add_argument("--edition", default="default", help="which edition (%(default)s)")
    render.add_argument("--out", type=Path, help="folder that holds data/, figures/ and report/ (the project)")
    render.set_defaults(command=_render)

    commands.add_parser("env", help="describe the environment, to paste into a report").set_defaults(command=_env)


def _run(options: argparse.Namespace) -> None:
    from smallbert import paths
    from smallbert.report import notebooks, profiles, stages

    _set_out(options.out)
    profile = profiles.choose(options.profile)
    found = notebooks.discover()
    parameters = profiles.resolve(profile, [one.stem for one in found], options.settings, edition=options.edition)
    profiles.require(profile, options.settings)
    only = notebooks.select(found, options.only).stem if options.only else None
    where = paths.edition(options.edition or profile.name)
    planned = stages.plan(where, found, parameters, only=only, force=options.force)
    print(f"edition {where.name}, profile {profile.name}: {profile.description}", file=sys.stderr)
    if not only:
        print(f"about {profile.minutes} min in all on {profile.machine}", file=sys.stderr)
    if options.dry_run:
        for stage in planned:
            print(f"{'run ' if stage.reasons else 'keep'}  {stage.stem}  {'; '.join(stage.reasons) or 'up to date'}")
        return

    from smallbert.report import nursery
    from smallbert.report.record import require_records, write_run
    from smallbert.report.runner import Runner

    contents: dict[str, Content] = {}

    def prepare(stage: Stage) -> None:
        from smallbert.report.render import prepared

        contents[stage.stem] = prepared(stage.edition, stage.notebook)

    require_records(where, found, [stage.stem for stage in planned])
    command = ["smallbert", "run", "--profile", profile.name]
    command += ["--edition", where.name] if where.name != profile.name else []
    command += [argument for setting in options.settings for argument in ("-p", setting)]
    runner = Runner(
        profile.name,
        [*command, "--only", only] if only else command,
        jobs=options.jobs or profile.jobs,
        modules=nursery.modules(),
        meanwhile=prepare if options.render else None,
    )
    try:
        runner.run(planned)
    finally:
        write_run(where, found)
    if options.render:
        from smallbert.report.render import render

        print(render(where, found, contents))
    _tell_left_out(where, found, command)


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
    print_table(rows)
    if profile is None:
        known = "\n".join(f"  {one.name:<8} {one.description}" for one in profiles.load().values())
        print(f"\nprofiles:\n{known}")


def _render(options: argparse.Namespace) -> None:
    from smallbert import paths
    from smallbert.report import notebooks
    from smallbert.report.render import render

    _set_out(options.out)
    where, found = paths.edition(options.edition), notebooks.discover()
    print(render(where, found))
    _tell_left_out(where, found, ["smallbert", "run", "--edition", where.name])


def _tell_left_out(where: Edition, found: list[Notebook], command: list[str]) -> None:
    """Say which pages are not among the edition's although they once ran, and what makes them again."""
    from smallbert.report.standing import standing

    if left_out := standing(where, found).left_out:
        for stem, why in left_out.items():
            print(f"left out {stem}: {why}", file=sys.stderr)
        print(f"to have them again: {shlex.join(command)}", file=sys.stderr)


def _env(options: argparse.Namespace) -> None:
    from smallbert import provenance

    stamp = provenance.stamp()
    rows = {"commit": stamp["commit"], "modified": stamp["modified"], **stamp["versions"], **stamp["machine"]}
    rows["interpreter"] = sys.executable
    print_table([(name, str(value)) for name, value in rows.items()])


def _set_out(out: Path | None) -> None:
    if out is not None:
        os.environ["SMALLBERT_OUT"] = str(out.resolve())
