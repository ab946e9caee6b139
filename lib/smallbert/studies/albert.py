"""What page 4 looks at: the models it counts, the encoders it looks into, and what the paper prints beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert import paths
from smallbert.corpus.prepared import Corpus
from smallbert.models.encoder import load as load_encoder
from smallbert.models.fleet import pretrain_all
from smallbert.models.pair_modelling import PairRecipe
from smallbert.models.presets import BERT_BASE, PRESETS
from smallbert.models.sharing import SharedRecipe
from smallbert.models.sizes import Sizes
from smallbert.models.tokens import TokenStore
from smallbert.published import load, published
from smallbert.studies.articles import draw
from smallbert.studies.contrasts import worded
from smallbert.studies.factorise import WordTable, study
from smallbert.studies.facts import called, encoder_place
from smallbert.studies.layers import Subject
from smallbert.studies.sharing import MARGIN, MODES, Arm, Trained

MULTILINGUAL = "google-bert/bert-base-multilingual-cased"

VOCABULARIES = {
    "ALBERT": PRESETS["albert/albert-base-v2"].vocabulary,
    "multilingual BERT": PRESETS[MULTILINGUAL].vocabulary,
    "XLM-R": PRESETS["FacebookAI/xlm-roberta-base"].vocabulary,
}
WIDTHS = (768, 1024, 4096)
FACTORS = (32, 64, 128, 256, 512, 768, 1024, 2048)

EVALUATIONS = 1
"""Rows of an arm's loss curve: only the last is read, and each costs as much as training on thousands of tokens."""

MAX_TOKENS = 64
"""Tokens read of an article by an encoder with a truncated table."""

FACTOR = 128
"""The paper's width of a factorised embedding."""


def models() -> dict[str, Sizes]:
    """Multilingual BERT and what each of the two reductions makes of it, then published encoders, by name."""
    mbert = PRESETS[MULTILINGUAL]
    return {
        "multilingual BERT": mbert,
        f"the same, E = {FACTOR}": replace(mbert, embedding=FACTOR),
        "the same, all shared": replace(mbert, share="all"),
        f"the same, E = {FACTOR}, all shared": replace(mbert, embedding=FACTOR, share="all"),
        "BERT base": BERT_BASE,
        "ALBERT base": PRESETS["albert/albert-base-v2"],
        "multilingual DistilBERT": PRESETS["distilbert/distilbert-base-multilingual-cased"],
        "TinyBERT, 4 layers": PRESETS["huawei-noah/TinyBERT_General_4L_312D"],
        "multilingual MiniLM": PRESETS["microsoft/Multilingual-MiniLM-L12-H384"],
    }


def encoders(first: Mapping[str, Any], encoder: str, peer: str) -> dict[str, str]:
    """The report's own encoder and a peer, to look into: name as the report calls it, and where it is.

    Args:
        first: values that page 1 recorded.
        encoder: the parameter of that name.
        peer: a second encoder; left out where it is the first.
    """
    source = encoder_place(encoder, first)
    found = {first["encoder"]["name"]: source}
    if peer != source:
        found[called(peer)] = peer
    return found


def tables(
    chosen: Mapping[str, str], corpus: Corpus, ranks: Sequence[int], *, rows: int, seeds: int, seed: int, device: str
) -> list[WordTable]:
    """The word table of every encoder, truncated.

    Args:
        chosen: from :func:`encoders`.
        corpus: whose articles are embedded.
        ranks: what they are truncated to; those wider than a table are left out of its results.
        rows: test articles; twice as many train articles.
        seeds: factorisations trained beside the truncation.
        seed: of all draws.
        device: where to embed.
    """
    store = paths.cache() / "truncated"
    found = []
    for name, source in chosen.items():
        encoder = load_encoder(source, max_tokens=MAX_TOKENS, device=device)
        found.append(study(name, encoder, corpus, ranks, rows=rows, seeds=seeds, seed=seed, store=store))
    return found


def trained_factors(found: Sequence[WordTable]) -> pd.DataFrame:
    """The trained factorisations of all tables together."""
    return pd.concat([one.trained for one in found], ignore_index=True)


def plain(params: Any) -> SharedRecipe:
    """The plain encoder of the page: nothing shared, embedding as wide as the layers.

    Args:
        params: the page's parameters.
    """
    return SharedRecipe(
        layers=params.layers,
        hidden=params.hidden,
        heads=params.heads,
        intermediate=4 * params.hidden,
        vocabulary_size=params.vocabulary,
        sequence_length=params.sequence,
        batch_tokens=params.batch,
        tokens=params.tokens,
        evaluations=EVALUATIONS,
    )


def pairs(arms: Sequence[Arm], params: Any) -> PairRecipe:
    """The recipe of the second-task arms: the all-shared, factorised encoder of the page, at the rate that suits it."""
    [own] = [
        arm.recipe
        for arm in arms
        if (arm.recipe.sharing, arm.recipe.embedding, arm.recipe.layers) == ("all", params.embedding, params.layers)
    ]
    return PairRecipe(**asdict(own) | {"tokens": params.pair_tokens})


def place() -> Path:
    """Folder of the trained encoders."""
    return paths.cache() / "encoders"


def machine(params: Any) -> dict[str, Any]:
    """Where arms are trained, as :func:`smallbert.models.fleet.pretrain_all` is told."""
    return {"device": params.device, "workers": params.jobs or None}


def trainer(store: TokenStore, params: Any) -> Callable[[Sequence[PairRecipe]], list[Path]]:
    """What trains the second-task arms."""
    return partial(_train_pairs, store, params)


def _train_pairs(store: TokenStore, params: Any, recipes: Sequence[PairRecipe]) -> list[Path]:
    return pretrain_all(store, recipes, place(), label="pairs", **machine(params))


def printed_embedding() -> pd.DataFrame:
    """ALBERT's Table 3, averages of five tasks: ``sharing``, ``embedding``, ``average``."""
    rows = []
    for id, entry in load().items():
        if id.startswith("albert.table3.") and id.endswith(".average"):
            kind, width = id.split(".")[2].rsplit("_", 1)
            mode = {"not_shared": "none", "all_shared": "all"}[kind]
            rows.append((MODES[mode], int(width), entry.value))
    return pd.DataFrame(rows, columns=["sharing", "embedding", "average"])


def printed_depth() -> pd.DataFrame:
    """ALBERT's Table 11, averages of five tasks: ``layers``, ``average``."""
    layers, average = (published(f"albert.table11.{name}").value for name in ("layers", "average"))
    return pd.DataFrame({"layers": layers, "average": average})


def texts(corpus: Corpus, count: int, seed: int) -> list[str]:
    """Test articles to read, drawn by ``seed``."""
    return draw(corpus, "test", count, seed)[1]


def deepest(trained: Trained) -> tuple[str, str]:
    """What the layer figure calls the deepest all-shared and the deepest plain encoder."""
    deepest = trained.cells.layers.max()
    return f"all shared, {deepest} layers", f"nothing shared, {deepest} layers"


def subjects(trained: Trained, peer: str, *, fresh_seeds: int = 3) -> list[Subject]:
    """Who is looked into: both deepest encoders, every seed, trained and fresh; and a peer, trained and fresh."""
    cells, found = trained.cells[trained.cells.layers == trained.cells.layers.max()], []
    for label in deepest(trained):
        own = cells[cells.sharing == label.split(",")[0]]
        for cell in own.itertuples():
            folder = str(trained.folders[cell.arm, cell.seed])
            found += [Subject(label, folder, cell.seed, state) for state in ("trained", "fresh")]
    name = called(peer)
    found.append(Subject(name, peer))
    return found + [Subject(name, peer, seed, "fresh") for seed in range(fresh_seeds)]


def answer(
    costs: pd.DataFrame, contrasts: pd.DataFrame, courses: pd.DataFrame, smoother: pd.DataFrame, learnt: str
) -> str:
    """The answer of page 4 in one paragraph.

    Args:
        costs: from :func:`smallbert.studies.parameters.costs`, of :func:`models`.
        contrasts: from :func:`smallbert.studies.sharing.contrasts`.
        courses: from :func:`smallbert.studies.layers.verdicts`.
        smoother: from :func:`smallbert.studies.layers.smoothness`.
        learnt: from :func:`smallbert.studies.sharing_sentences.floor_sentence` and
            :func:`smallbert.studies.layer_effect.sentence`.
    """
    size = costs.set_index("model")
    mbert, factored, shared = (size.loc[name] for name in list(models())[:3])
    both = size.loc[list(models())[3]]
    said = [
        f"Of multilingual BERT's {int(mbert.parameters):,} parameters a factorised embedding of width {FACTOR} leaves "
        f"{factored.parameters / mbert.parameters:.0%}, sharing all layers "
        f"{shared.parameters / mbert.parameters:.0%} and both {both.parameters / mbert.parameters:.0%}; the operations "
        f"of a forward pass stay at {both.flops / mbert.flops:.0%}."
    ]
    said += [learnt, *_trained(contrasts)]
    label = smoother.columns[1]
    own = courses[(courses.label == label) & (courses.state == "trained")]
    tally = ", ".join(f"{word} in {count}" for word, count in own.verdict.value_counts().items())
    said.append(f"How far its layers move a token, {label}, trained ({len(own)} curves): {tally}.")
    return " ".join(said)


def _trained(contrasts: pd.DataFrame) -> list[str]:
    """What sharing costs, told of pairs that have both learnt more than word frequencies."""
    if not contrasts.learnt.any():
        return ["So what sharing costs cannot be told here: no pair to compare has learnt more than word frequencies."]
    equivalent, said = f"equivalent within {MARGIN} nats", []
    for width, part in contrasts[contrasts.learnt].groupby("embedding", sort=False):
        told = "; ".join(
            f"{row.sharing} {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], "
            f"{equivalent if row.verdict == 'equivalent' else worded(row)}"
            for row in part.itertuples()
        )
        said.append(f"Trained here with E = {width}, the held-out loss against nothing shared, in nats: {told}.")
    left_out = int((~contrasts.learnt).sum())
    return [*said, f"Of {left_out} more pairs nothing is said: not both have learnt that much."] if left_out else said
