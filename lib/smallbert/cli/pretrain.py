"""The command that pretrains a small encoder on a corpus of one's own: ``smallbert pretrain``."""

from __future__ import annotations

import argparse
from pathlib import Path

from smallbert.cli.arguments import add_corpus, count, pair

_EXAMPLES = """examples:
  smallbert pretrain my.csv --tokens 20000000 --out bert/
  torchrun --nproc-per-node 2 -m smallbert.cli pretrain my.csv --tokens 20000000 --out bert/

The processes that torchrun starts, on one machine or several, share each step: the encoder is that of one process but
for the order of fp32 sums. All must see the folder and the cache. Stopped, the same command goes on, with any number of
processes."""


def add(commands: argparse._SubParsersAction) -> None:
    """Enter the command."""
    parser = commands.add_parser(
        "pretrain",
        help="pretrain a small encoder on a corpus; resumes where it stopped",
        description="Pretrain a small BERT on a corpus: an own WordPiece vocabulary, masked language modelling.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_corpus(parser, use="articles to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the encoder")
    parser.add_argument(
        "--tokens", type=count, metavar="N", required=True, help="tokens to train on in all, repeats included"
    )
    parser.add_argument("--layers", type=count, metavar="N", default=3, help="transformer layers (%(default)s)")
    parser.add_argument("--hidden", type=count, metavar="N", default=256, help="width (%(default)s)")
    parser.add_argument("--heads", type=count, metavar="N", default=4, help="attention heads (%(default)s)")
    parser.add_argument(
        "--intermediate", type=count, metavar="N", help="width of the feed-forward layers (four times --hidden)"
    )
    parser.add_argument(
        "--vocabulary", type=count, metavar="N", default=8192, help="tokens of the vocabulary (%(default)s)"
    )
    parser.add_argument(
        "--max-tokens", type=count, metavar="N", default=128, help="longest text it will read (%(default)s)"
    )
    parser.add_argument("--batch-tokens", type=count, metavar="N", default=4096, help="tokens of a step (%(default)s)")
    parser.add_argument("--learning-rate", type=float, metavar="RATE", default=1e-3, help="peak rate (%(default)s)")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="of weights, order and masks (%(default)s)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="number format (auto)")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto: a GPU if any)"
    )
    parser.set_defaults(command=_pretrain)


def _pretrain(options: argparse.Namespace) -> None:
    from smallbert import storage
    from smallbert.cli import corpora
    from smallbert.models import parallel
    from smallbert.models.pretrain import FINISHED, pretrain
    from smallbert.models.recipe import PretrainRecipe
    from smallbert.studies import embed

    columns = dict(pair(text) for text in options.columns)
    corpora.refuse_what_has_no_meaning(options)
    # The recipe first: a wrong size costs no pass over the corpus.
    recipe = PretrainRecipe(
        layers=options.layers,
        hidden=options.hidden,
        heads=options.heads,
        intermediate=options.intermediate or 4 * options.hidden,
        vocabulary_size=options.vocabulary,
        sequence_length=options.max_tokens,
        batch_tokens=options.batch_tokens,
        tokens=options.tokens,
        learning_rate=options.learning_rate,
        precision=options.precision,
        seed=options.seed,
    )
    with parallel.processes(options.device):
        corpus = corpora.corpus(options, columns)
        with parallel.in_turn():
            store = embed.tokens(corpus, recipe.vocabulary_size)
        pretrain(store, recipe, options.out, device=options.device)
        if not parallel.here().first:
            return
    made = storage.read_json(options.out / FINISHED)
    print(f"{options.corpus}: {corpus.summary()}")
    print(
        f"{options.out}: {recipe.layers} layers, width {recipe.hidden}, vocabulary {store.vocabulary_size:,}; "
        f"{recipe.steps:,} steps in {made['seconds']:.0f} s, {made['tokens_per_second']:,} tokens/s"
    )
