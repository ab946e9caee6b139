"""The commands of the embedding store: ``smallbert embed | verify``."""

from __future__ import annotations

import argparse
from pathlib import Path

from smallbert.cli.arguments import count, limit, pair, shard


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the commands."""
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
        type=limit,
        metavar="SHARE|NUMBER",
        help="unusable rows to skip before stopping: a share such as 0.05, or a number such as 20 (0.01)",
    )
    embed.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="embed copies too; else exact copies are left out, and near ones that cross train, validation and test",
    )
    embed.add_argument("--rows", type=count, help="draw so many articles at random (all)")
    embed.add_argument("--pooling", choices=("mean", "cls"), default="mean", help="%(default)s")
    embed.add_argument("--layer", type=int, default=-1, help="layer that is read; -1 is the last")
    embed.add_argument("--max-tokens", type=count, default=128, help="longer texts are cut there (%(default)s)")
    embed.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="%(default)s")
    embed.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="%(default)s")
    embed.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="compute part I of N, for N processes that share the folder (1/1)",
    )
    embed.set_defaults(command=_embed)

    verify = commands.add_parser("verify", help="check a store: checksums, shapes, no NaN")
    verify.add_argument("store", type=Path, help="folder of the store")
    verify.set_defaults(command=_verify)


def _embed(options: argparse.Namespace) -> None:
    from smallbert.compress.embeddings import extract
    from smallbert.models.encoder import load
    from smallbert.report import embedding

    columns = dict(pair(text) for text in options.columns)
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
