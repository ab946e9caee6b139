"""The commands of the embedding store: ``smallbert embed | verify``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallbert.cli.arguments import add_corpus, count, pair, shard
from smallbert.errors import UsageError

if TYPE_CHECKING:
    from smallbert.compress.store import EmbeddingStore
    from smallbert.corpus.prepared import Corpus
    from smallbert.models.encoder import Encoder

INT8 = "int8"
"""Products of 8-bit integers: weights and inputs are rounded, see :mod:`smallbert.compress.quantize`."""


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
    embed = commands.add_parser(
        "embed",
        help="embed a corpus into a store of vectors; resumes where it stopped",
        description="Embed a corpus into a store of vectors. Copies are removed and articles split first, as the "
        "report does it. Stopped or killed, the same command goes on.",
    )
    add_corpus(embed)
    embed.add_argument("--encoder", required=True, help="minilm, a folder or a hub id")
    embed.add_argument("--out", type=Path, required=True, help="folder of the store")
    embed.add_argument("--pooling", choices=("mean", "cls"), default="mean", help="token vectors to text vector (mean)")
    embed.add_argument("--layer", type=int, default=-1, metavar="L", help="layer that is read (-1, the last)")
    embed.add_argument(
        "--max-tokens", type=count, metavar="N", default=128, help="longer texts are cut there (%(default)s)"
    )
    embed.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16", INT8),
        default="auto",
        help="number format of products (auto); int8 needs a CPU with units for it",
    )
    embed.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto: a GPU if any)"
    )
    embed.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="compute part I of N, for N processes that share the folder (1/1)",
    )
    embed.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="HOST:PORT",
        help="compute on the machines of a Ray cluster, which share the folder (auto: the one that runs here; without "
        "an address: this machine alone)",
    )
    embed.set_defaults(command=_embed)

    verify = commands.add_parser(
        "verify",
        help="check a store: checksums, shapes, no NaN",
        description="Check a store of vectors: checksums, shapes, no NaN. Exit code: 0 as recorded, 3 not; what is "
        "wrong is printed.",
    )
    verify.add_argument("store", metavar="STORE", type=Path, help="folder of the store")
    verify.set_defaults(command=_verify)


def _embed(options: argparse.Namespace) -> None:
    from smallbert.cli import corpora
    from smallbert.compress.embeddings import extract
    from smallbert.models import last_layer, sources

    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    settings = {name: getattr(options, name) for name in ("pooling", "layer", "max_tokens", "precision", "device")}
    # The encoder first: a wrong name costs no pass over the corpus.
    encoder = _encoder(options, settings)
    if other := last_layer.unread(sources.find(options.encoder), options.pooling):
        print(f"note: {other}.", file=sys.stderr)
    corpus = corpora.corpus(options, columns)
    store: EmbeddingStore | None
    if options.ray:
        store = _on_a_cluster(options, corpus, settings)
    else:
        store = extract(corpus, encoder, options.out, shard=options.shard)
    print(f"{options.corpus}: {corpus.summary()}")
    if store is None:
        print(f"part {options.shard[0]} of {options.shard[1]} is finished; others are still missing.")
    else:
        print(f"{options.out}: {len(store):,} vector{'s' * (len(store) != 1)} of width {store.width}")


def _encoder(options: argparse.Namespace, settings: dict[str, Any]) -> Encoder:
    from smallbert.compress.quantize import dynamic
    from smallbert.models.encoder import load

    if options.precision != INT8:
        return load(options.encoder, **settings)
    if options.ray or options.device == "cuda":
        flag = "--ray" if options.ray else "--device cuda"
        raise UsageError(
            f"--precision int8 has no meaning with {flag}: it runs on this machine's CPU.", "Leave it out."
        )
    return dynamic(options.encoder, **{key: settings[key] for key in ("pooling", "layer", "max_tokens")})


def _on_a_cluster(options: argparse.Namespace, corpus: Corpus, settings: dict[str, Any]) -> EmbeddingStore:
    from smallbert.scale.cluster import Cluster
    from smallbert.scale.embedding import embed

    if options.shard != (1, 1):
        raise UsageError("--shard has no meaning with --ray, which cuts the corpus itself.", "Leave one of them out.")
    folder = Path(options.encoder)
    encoder = {"name": str(folder.resolve()) if folder.is_dir() else options.encoder, **settings}
    with Cluster(options.ray) as cluster:
        kind = "cuda" if options.device != "cpu" and cluster.machines("cuda") else "cpu"
        return embed(corpus, encoder, options.out, run=cluster.run, workers=cluster.machines(kind), kind=kind)


def _verify(options: argparse.Namespace) -> int:
    from smallbert.compress.store import EmbeddingStore, verify

    findings = verify(options.store)
    for finding in findings:
        print(finding)
    if findings:
        print("  next: Run the same `smallbert embed` again: what is damaged is made again, the rest kept.")
    else:
        print(f"{options.store}: {len(EmbeddingStore.open(options.store)):,} vectors, all as recorded")
    return 3 if findings else 0
