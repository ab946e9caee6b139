"""What page 1 says of the corpus and the encoder: facts for provenance, tables and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from smallbert import paths
from smallbert.errors import UsageError
from smallbert.progress import duration
from smallbert.storage import read_json

if TYPE_CHECKING:  # pages that only read results start without torch
    from smallbert.corpus.prepared import Corpus
    from smallbert.models.encoder import Encoder
    from smallbert.models.recipe import PretrainRecipe

GENERATED, WORLD = "world", "the generated world"
"""What a parameter calls it, and what a reader does."""

PRETRAIN = "pretrain"

COMPONENTS = "components for 95% of the variance"
BETWEEN_LANGUAGES = "share of the variance between languages"
LANGUAGE_COMPONENTS = "components for 95% of the variance, each language's mean taken off"
BETWEEN_TOPICS = "share of the variance within languages that lies between topics"
"""Properties of the cloud that sentences are about."""

TOPIC, WHOLE = "topic", "whole embedding"
"""A label that is probed, and what it is read from."""


def source_name(source: str, given: str = "") -> str:
    """How the report calls a corpus: as the reader was told to, else by its file; never by a path of the machine."""
    return given or (WORLD if source == GENERATED else Path(source).name)


def encoder_name(name: str, encoder: Encoder) -> str:
    """How the report calls an encoder: a hub id or a package by its name, a folder by its last part."""
    if name == PRETRAIN:
        config = encoder.describe()
        return f"a small multilingual BERT pretrained here ({config['layer']} layers, width {config['width']})"
    return called(name)


def called(name: str) -> str:
    """The part of an encoder's place that a reader knows: of a folder its last part, never a path of the machine."""
    if name == "minilm":
        return "all-MiniLM-L6-v2"
    return Path(name).name if Path(name).is_dir() else name


def encoder_place(name: str, first: Mapping[str, Any]) -> str:
    """Where the encoder of a page's parameter is: a folder, ``minilm`` or a hub id.

    Args:
        name: the parameter; ``pretrain`` for the encoder of page 1.
        first: values that page 1 recorded.

    Raises:
        UsageError: page 1 was given its encoder and pretrained none, so that ``pretrain`` names nothing here.
    """
    if name != PRETRAIN:
        return name
    if not first["pretrained"]:
        raise UsageError(
            f"Expected the name of an encoder, got {PRETRAIN!r}; but page 1 read with {first['encoder']['name']} and "
            "pretrained none.",
            "Give this page what page 1 was given; `smallbert run -p encoder=...` does so for all pages.",
        )
    return str(paths.cache() / first["pretrained"])


def corpus_facts(source: str, prepared: Corpus, given: str = "") -> dict[str, Any]:
    """Provenance of the corpus: name, key of its rows and splits, checksums of rows and source files, languages."""
    manifest = prepared.manifest
    files = manifest["request"]["source"].get("files", [])
    return {
        "name": source_name(source, given),
        "generated": source == GENERATED,
        "key": prepared.key,
        "rows_sha256": manifest["sha256"],
        "sources": [{"name": short(file["name"]), "sha256": file.get("sha256", "")} for file in files],
        "rows": prepared.rows,
        "languages": prepared.languages,
    }


def encoder_facts(name: str, encoder: Encoder) -> dict[str, Any]:
    """Provenance of the encoder: name, checksum, pooling, layer, limits, precision."""
    return encoder.describe() | {"name": encoder_name(name, encoder)}


def corpus_sentence(source: str, prepared: Corpus, given: str = "") -> str:
    """One sentence on where the articles come from, as Markdown."""
    kind = "**generated** by this project (a control with known ground truth)" if source == GENERATED else "real"
    return (
        f"{prepared.rows:,} articles in {_languages(prepared)} ({', '.join(map(named, prepared.languages))}) are used. "
        f"Source: {plain(source_name(source, given))}; its texts are {kind}."
    )


def reading(prepared: Corpus) -> pd.DataFrame:
    """What happened to the rows on their way in, adding up to the rows read: columns ``step``, ``articles``."""
    manifest = prepared.manifest
    bad = (manifest["reading"] or {}).get("counts", {})
    unusable = [(f"unusable: {kind}", count) for kind, count in bad.items()]
    removed = [
        (f"removed: {reason.replace('_', ' ')}", sum(by_language.values()))
        for reason, by_language in manifest["duplicates"].items()
        if isinstance(by_language, dict)
    ]
    kept = [(f"kept in {split}", count) for split, count in prepared.counts["split"].items()]
    drawn = sum(count for _, count in removed + kept)
    read = (manifest["reading"] or {}).get("rows", drawn)
    left_out = [("not drawn", read - sum(bad.values()) - drawn)] if read > drawn + sum(bad.values()) else []
    return pd.DataFrame([("read", read), *unusable, *left_out, *removed, *kept], columns=["step", "articles"])


def unusable_rows(prepared: Corpus) -> pd.DataFrame:
    """The first rows that could not be used, by file and line: column ``row``; empty where all could."""
    examples = (prepared.manifest["reading"] or {}).get("examples", [])
    return pd.DataFrame({"row": [short(example) for example in examples]})


def rows_by_language(prepared: Corpus) -> pd.DataFrame:
    """Rows by language and split: columns ``lang``, ``split``, ``rows``."""
    frame = prepared.frame(["lang", "split"])
    frame["lang"] = frame.lang.map(named)
    return frame.groupby(["lang", "split"]).size().rename("rows").reset_index()


def curve(folder: Path) -> pd.DataFrame:
    """The loss curve of an encoder that was pretrained here."""
    return pd.read_csv(folder / "curve.csv")


def pretraining_sentence(folder: Path) -> str:
    """How long the pretraining took; prose and no result, because seconds differ from run to run."""
    stamp = read_json(folder / "recipe.json")
    return (
        f"Pretraining took {duration(stamp['seconds'])}: {stamp['tokens_per_second']:,} tokens a second in "
        f"{stamp['dtype']} on {stamp['threads']} threads ({stamp['device']})."
    )


def reading_sentence(encoder: str, pooling: str) -> str:
    """Of an encoder that was trained elsewhere: what its folder tells sentence-transformers to do otherwise.

    Args:
        encoder: as the notebook was told.
        pooling: that the page reads it with.
    """
    from smallbert.models import last_layer, sources

    other = last_layer.unread(sources.find(encoder), pooling)
    return f"No pretraining was needed here.{other and f' Note that {plain(other)}.'}"


def encoder_table(name: str, encoder: Encoder, recipe: PretrainRecipe) -> pd.DataFrame:
    """The encoder's description: columns ``property``, ``value``.

    Args:
        name: as the notebook was told.
        encoder: loaded.
        recipe: of the pretraining, told where the encoder was pretrained here.
    """
    facts = encoder_facts(name, encoder)
    shown = ("name", "family", "width", "layer", "pooling", "max_tokens", "precision")
    rows = [(key.replace("_", " "), str(facts[key])) for key in shown]
    rows.append(("sha256", facts["sha256"][:16]))
    rows.append(("vocabulary", f"{encoder.tokenizer.vocab_size:,}"))
    if name == PRETRAIN:
        rows.append(("tokens read in pretraining", f"{recipe.tokens:,}"))
    return pd.DataFrame(rows, columns=["property", "value"])


def answer(
    name: str,
    prepared: Corpus,
    encoder: str,
    geometry: pd.DataFrame,
    probes: pd.DataFrame,
    pairs: pd.DataFrame | None,
) -> str:
    """The answer of page 1, from its tables, as Markdown; ``name`` and ``encoder`` as the report calls them."""
    shape = geometry.set_index("property").value
    said = [
        f"{prepared.rows:,} articles ({plain(name)}) in {_languages(prepared)} become vectors of "
        f"{int(shape['dimensions'])} numbers by {plain(encoder)}.",
        f"Two articles have a mean cosine of {shape['mean cosine of two articles (anisotropy)']:.2f}, and "
        f"{int(shape[COMPONENTS])} principal components hold 95% of the test variance.",
        *_variance(shape),
    ]
    for row in probes[probes["read from"] == WHOLE].to_dict("records"):
        alone = probes[(probes.label == row["label"]) & (probes["read from"] != WHOLE)].iloc[0]
        said.append(
            f"A linear probe reads the {row['label']}, one of {row['classes']}, with {row['accuracy']:.1%} accuracy "
            f"(always the commonest: {row['commonest class']:.1%}; from the {alone['read from']} alone: "
            f"{alone['accuracy']:.1%})."
        )
    if pairs is not None:
        found = pairs.groupby("centred").precision.mean()
        said.append(
            f"The translation is the nearest article in {found[False]:.1%} of searches, {found[True]:.1%} with each "
            f"language centred (chance {pairs.chance.mean():.2%})."
        )
    return " ".join(said)


def _variance(shape: pd.Series) -> Iterator[str]:
    """What the variance is made of, so that a few components are not taken for all that a vector says."""
    topics = f"{shape[BETWEEN_TOPICS]:.1%}" if BETWEEN_TOPICS in shape else ""
    if BETWEEN_LANGUAGES in shape:
        rest = f", and of the rest {topics} between the means of topics" if topics else ""
        yield (
            f"Of the training variance {shape[BETWEEN_LANGUAGES]:.1%} lies between the means of languages{rest}; with "
            f"each language's mean taken off, 95% takes {int(shape[LANGUAGE_COMPONENTS])} components."
        )
    elif topics:
        yield f"Of the training variance {topics} lies between the means of topics."


def short(place: str) -> str:
    """A file's name, or a place in it, without the folders of this machine: the last folder and the file stay."""
    return re.sub(r"^/(?:[^/:]+/)*([^/:]+/[^/:]+)", r"\1", place)


def plain(text: str) -> str:
    """Text from outside as Markdown that means nothing but itself: no link, no markup, no HTML."""
    # Entities, not backslashes: Markdown never looks into them. The colon keeps bare addresses from becoming links.
    return re.sub(r"[^\w\s,.;'\"%=-]", lambda found: f"&#{ord(found[0])};", text)


def named(language: str) -> str:
    """A language's code as shown; ``und`` where it is unknown."""
    return language or "und"


def stored(folder: Path) -> str:
    """A folder under the cache as the results keep it: relative, so that it means something on another machine."""
    return folder.relative_to(paths.cache()).as_posix()


def _languages(prepared: Corpus) -> str:
    count = len(prepared.languages)
    return f"{count} language{'s' if count > 1 else ''}"
