"""The calculator of sizes: ``smallbert size``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

from smallbert.cli.arguments import count, print_table
from smallbert.errors import UsageError
from smallbert.models.sizes import Sharing, Sizes

if TYPE_CHECKING:
    from smallbert.models.parameters import Parameters

_LENGTH = 128
_ROWS = 32
_REQUIRED = ("vocab", "hidden", "layers")
_OPTIONAL = ("embedding", "heads", "intermediate", "share", "groups", "positions")
_HEAD_WIDTH = 64


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the command."""
    size = commands.add_parser(
        "size",
        help="parameters by group, bytes, FLOPs and memory of a training step of an encoder",
        description="Parameters by group, bytes, FLOPs and memory of a training step of an encoder, by its name or by "
        "its sizes. Counted as transformers' model with pooler has them, shared and tied weights once; no weights are "
        "read.",
    )
    size.add_argument(
        "name",
        nargs="?",
        metavar="NAME_OR_FOLDER",
        help="a hub id such as bert-base-multilingual-cased (the common ones need no network), or a local folder",
    )
    size.add_argument("--vocab", type=count, metavar="V", help="tokens of the vocabulary")
    size.add_argument("--hidden", type=count, metavar="H", help="width of a token's vector")
    size.add_argument("--layers", type=count, metavar="L", help="layers")
    size.add_argument(
        "--embedding", type=count, metavar="E", help="factorise the embedding: V x E and E x H, as ALBERT"
    )
    size.add_argument("--heads", type=count, metavar="A", help=f"attention heads (one for each {_HEAD_WIDTH} of H)")
    size.add_argument("--intermediate", type=count, metavar="F", help="width of the feed-forward layer (4 H)")
    size.add_argument("--share", metavar="|".join(get_args(Sharing)), help="what layers share (none)")
    size.add_argument("--groups", type=count, metavar="G", help="groups of layers that share (1)")
    size.add_argument("--positions", type=count, metavar="P", help="longest input (512)")
    size.add_argument("--json", action="store_true", help="print JSON")
    size.set_defaults(command=_size)


def _size(options: argparse.Namespace) -> None:
    from smallbert.models import activations, flops, parameters

    name, sizes = _asked(options)
    found = parameters.count(sizes)
    per_token, sequence = flops.per_token(sizes), flops.forward(sizes, _LENGTH).total
    step = activations.training_bytes(sizes, _ROWS, _LENGTH)
    if options.json:
        result = {
            "name": name,
            "sizes": asdict(sizes),
            "parameters": asdict(found),
            "total": found.total,
            "bytes": found.nbytes(),
            "flops": {"per_token": per_token, f"sequence_of_{_LENGTH}": sequence},
            "training_step_bytes": {"sequences": _ROWS, "length": _LENGTH, **step},
        }
        print(json.dumps(result, indent=2))
        return
    print(f"{name}\n")
    print_table(_groups(found))
    print()
    print_table([(number_format, f"{bytes / 1e6:,.1f} MB") for number_format, bytes in found.nbytes().items()])
    print(f"\n{per_token / 1e6:,.1f} million FLOPs a token, without attention scores")
    print(f"{sequence / 1e9:,.2f} billion FLOPs a sequence of {_LENGTH} tokens")
    print(
        f"{sum(step.values()) / 1e9:,.2f} GB for a training step on {_ROWS} such sequences in fp32 with AdamW, "
        f"{step['activations'] / 1e9:,.2f} of them activations"
    )


def _asked(options: argparse.Namespace) -> tuple[str, Sizes]:
    """Name and sizes of the encoder that was asked for."""
    from smallbert.models import presets

    given = {key: getattr(options, key) for key in (*_REQUIRED, *_OPTIONAL) if getattr(options, key) is not None}
    if options.name:
        if given:
            raise UsageError(f"Expected a name or sizes, got both: {options.name} and --{' --'.join(given)}.")
        return options.name, presets.sizes(options.name)
    missing = [key for key in _REQUIRED if key not in given]
    if missing:
        raise UsageError(
            f"Expected a name or the sizes --vocab, --hidden and --layers; --{' and --'.join(missing)} not given.",
            "For example: smallbert size --vocab 30000 --hidden 768 --embedding 128 --layers 12 --share all",
        )
    hidden = given["hidden"]
    heads = given.pop("heads", None)
    if heads is None:
        if hidden % _HEAD_WIDTH:
            raise UsageError(f"Expected --heads, because hidden, {hidden}, is no multiple of {_HEAD_WIDTH}.")
        heads = hidden // _HEAD_WIDTH
    given.setdefault("intermediate", 4 * hidden)
    return "an encoder of these sizes", Sizes(vocabulary=given.pop("vocab"), heads=heads, **given)


def _groups(found: Parameters) -> list[tuple[str, ...]]:
    """Rows of the table: group, parameters, share; groups the encoder lacks are left out."""
    rows = [(group, number) for group, number in found.by_group().items() if number] + [("total", found.total)]
    width = len(f"{found.total:,}")
    return [(group, f"{number:>{width},}", f"{number / found.total:>6.1%}") for group, number in rows]
