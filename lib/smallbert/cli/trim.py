"""The command that trims an encoder's vocabulary to a corpus: ``smallbert trim``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from smallbert.cli.arguments import add_corpus, count, pair, print_table


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the command."""
    trim = commands.add_parser(
        "trim",
        help="keep the tokens that a corpus needs; texts made of them keep their vectors to the bit",
        description="Keep the tokens that a corpus needs. Texts made of them keep their vectors to the bit; how many "
        "of the held-out texts are such is told.",
    )
    trim.add_argument("encoder", metavar="ENCODER", help="minilm, a folder or a hub id")
    add_corpus(trim, use="articles, of which train is counted and test tells what trimming costs")
    size = trim.add_mutually_exclusive_group(required=True)
    size.add_argument(
        "--coverage", type=float, metavar="SHARE", help="share of token occurrences to keep, such as 0.9999"
    )
    size.add_argument("--tokens", type=count, metavar="N", help="keep at most so many tokens")
    trim.add_argument("--out", type=Path, required=True, help="folder of the smaller encoder")
    trim.set_defaults(command=_trim)


def _trim(options: argparse.Namespace) -> None:
    from smallbert.cli import corpora
    from smallbert.compress.resegmentation import changes
    from smallbert.compress.vocabulary import Vocabulary, check_free, stored
    from smallbert.corpus.text import text as read
    from smallbert.progress import Progress

    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    check_free(options.out)
    vocabulary = Vocabulary(options.encoder)
    vocabulary.check(options.coverage, options.tokens)
    corpus = corpora.corpus(options, columns)
    rows = corpus.counts["split"]

    def texts(split: str) -> Iterator[str]:
        for batch in corpus.batches(["title", "content"], split=split):
            yield from read(batch)

    with Progress("counting tokens", rows["train"], "articles") as bar:
        counts = vocabulary.count(texts("train"), advance=bar.advance)
    trimmed = vocabulary.trim(vocabulary.keep(counts, coverage=options.coverage, tokens=options.tokens), options.out)
    with Progress("comparing", rows["test"], "articles") as bar:
        held_out = changes(vocabulary, trimmed, texts("test"), advance=bar.advance)

    numbers = zip((len(vocabulary), *stored(vocabulary.folder)), (len(trimmed), *stored(trimmed.folder)), strict=True)
    table = [("", "before", "after", "left")]
    for name, (before, after) in zip(("tokens", "parameters", "bytes"), numbers, strict=True):
        table.append((name, f"{before:,}", f"{after:,}", f"{after / before:.1%}"))
    print_table(table)
    print(held_out.summary())
