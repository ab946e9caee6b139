"""The encoders of page 6: what the report has trained or made smaller, as folders to load, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import transformers

from smallbert import paths
from smallbert.compress.store import EmbeddingStore
from smallbert.compress.vocabulary import Vocabulary
from smallbert.models import flops, parameters, sources
from smallbert.models import sizes as known
from smallbert.models.heads import narrowing
from smallbert.models.interchange import OURS
from smallbert.models.sizes import Sizes
from smallbert.results import Results
from smallbert.studies import transfer_copies
from smallbert.studies.facts import encoder_place, stored
from smallbert.studies.sharing import Trained

REFERENCE, TRIMMED, TRUNCATED, NARROWED, FRESH = (
    "whole encoder",
    "vocabulary trimmed",
    "word table truncated",
    "vector narrowed",
    "fresh weights",
)

PART = 4
"""The truncated word table has a rank of width / 4, the narrowed vector as many numbers."""


@dataclass(frozen=True)
class Model:
    """One encoder of the shelf.

    Args:
        name: what the report calls it.
        origin: where it comes from, in words.
        folders: where it lies; of several, seed i takes the i-th, so that the spread over seeds holds pretraining too.
        sizes: of the encoder, without pooler and head.
        saved: parameters that are stored in a smaller form than the folder has them.
        vector: numbers that a last layer leaves of the width; 0 where there is none.
        tunable: whether training all weights leaves it what it is.
        optional: whether it is fine-tuned only on demand: what that costs or shows is near the reference's.
    """

    name: str
    origin: str
    folders: tuple[str, ...]
    sizes: Sizes
    saved: int = 0
    vector: int = 0
    tunable: bool = True
    optional: bool = False

    @property
    def parameters(self) -> int:
        """Of the encoder, a last layer included, without pooler and head."""
        layer = self.vector * (self.sizes.hidden + 1)
        return parameters.count(self.sizes).total - self.saved + layer

    def folder(self, seed: int) -> str:
        """The folder of a seed."""
        return self.folders[seed % len(self.folders)]


@dataclass(frozen=True)
class Shelf:
    """Encoders to compare.

    Args:
        models: the first is the reference.
        missing: what was asked for and is not there, each with the reason.
    """

    models: tuple[Model, ...]
    missing: tuple[str, ...] = field(default=())

    @property
    def reference(self) -> Model:
        """What the others are compared with."""
        return self.models[0]

    def facts(self) -> pd.DataFrame:
        """What each encoder is and costs: ``model``, ``origin``, ``layers``, ``width``, ``vector`` (numbers that a head
        reads), ``vocabulary``, ``positions``, ``parameters`` (without pooler and head), ``of reference``, ``megabytes``
        (fp32), ``operations`` (million a token, forward)."""
        whole = self.reference.parameters
        return pd.DataFrame(
            {
                "model": model.name,
                "origin": model.origin,
                "layers": model.sizes.layers,
                "width": model.sizes.hidden,
                "vector": model.vector or model.sizes.hidden,
                "vocabulary": model.sizes.vocabulary,
                "positions": model.sizes.positions,
                "parameters": model.parameters,
                "of reference": model.parameters / whole,
                "megabytes": 4 * model.parameters / 1e6,
                "operations": flops.per_token(model.sizes) / 1e6,
            }
            for model in self.models
        )

    def sentence(self) -> str:
        """What is missing, in words."""
        if not self.missing:
            return "Nothing that was asked for is missing from the shelf."
        return f"Missing from the shelf: {'; '.join(self.missing)}."


def recorded(folders: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """Encoders as a page records them for this one: name -> folders, one a seed, relative to the cache."""
    return {name: [stored(folder) for folder in found] for name, found in folders.items()}


def twins(trained: Trained) -> dict[str, list[str]]:
    """What page 4 records for this one: its plain encoder, and the smallest of its depth that shares all layers."""
    plain = trained.arms[0]
    same = [arm for arm in trained.arms if arm.recipe.sharing == "all" and arm.recipe.layers == plain.recipe.layers]
    shared = min(same, key=lambda arm: arm.embedding)
    seeds = sorted({seed for _, seed in trained.folders})
    return recorded(
        {
            f"{arm.mode}, E {arm.embedding}": [trained.folders[arm.name, seed] for seed in seeds]
            for arm in (plain, shared)
        }
    )


def reference(encoder: str, first: Mapping[str, Any]) -> str:
    """Where the encoder is that the others are compared with.

    Args:
        encoder: ``pretrain`` for the one of page 1, ``minilm``, a folder or a hub id.
        first: values that page 1 recorded.
    """
    return encoder_place(encoder, first)


def vectors(encoder: str, first: Mapping[str, Any]) -> EmbeddingStore | None:
    """The vectors of page 1, where they are what the reference's last layer gives: what a reducer is fitted to.

    Args:
        encoder, first: as of :func:`reference`.
    """
    found = EmbeddingStore.open(paths.cache() / first["store"])
    folder, made_by = sources.find(reference(encoder, first)), found.manifest["encoder"]
    same = made_by["sha256"] == sources.checksum(folder) and made_by["layer"] == sizes_of(folder).layers
    return found if same else None


def earlier(results: Results) -> dict[str, Mapping[str, Sequence[str]]]:
    """What pages 4 and 5 of the edition recorded for this one.

    Args:
        results: of any page of the edition.
    """
    arms = results.of("04_albert").values().get("encoders", {})
    return {"page 4": arms, "page 5": students(results.of("05_distillation").values().get("students", []))}


def students(found: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Of the students that page 5 recorded the widest ones: distilled, and trained alone.

    Args:
        found: entries with ``kind``, ``method``, ``hidden``, ``seed`` and ``folder``, relative to the cache.
    """
    widest = max((one["hidden"] for one in found), default=0)
    chosen: dict[str, list[str]] = {}
    for one in sorted(found, key=lambda one: one["seed"]):
        if one["hidden"] == widest:
            how = one["method"] if one["kind"] == one["method"] else f"{one['kind']} ({one['method']})"
            chosen.setdefault(f"student {how}, width {widest}", []).append(one["folder"])
    return chosen


def shelf(
    reference: str | Path,
    texts: Iterable[str],
    vectors: EmbeddingStore | None,
    *,
    earlier: Mapping[str, Mapping[str, Sequence[str]]],
    peer: str,
    coverage: float,
    seeds: int,
) -> Shelf:
    """Put all encoders together, making what is made from the reference alone.

    Args:
        reference: the run's encoder: a folder, ``minilm`` or a hub id.
        texts: what a trimmed vocabulary has to cover, and what weights the rows of a truncated table.
        vectors: what the reference makes of a corpus, from :func:`vectors`; None where there are none.
        earlier: page in words -> what it recorded (:func:`recorded`); empty where it recorded nothing.
        peer: another encoder; ``""`` for none.
        coverage: of the texts' tokens that the trimmed vocabulary keeps.
        seeds: encoders with fresh weights, one a seed.

    Raises:
        DataError, MachineError: the reference cannot be loaded.
    """
    folder, beneath = _readable(sources.find(str(reference)))
    own = _model(REFERENCE, f"what the others are made from or compared with{beneath}", [folder])
    if beneath:
        vectors = None  # they are of what lies on it
    models, missing = [own], []
    vocabulary = Vocabulary(folder)
    counts = vocabulary.count(texts)
    kept = vocabulary.keep(counts, coverage=coverage)
    if len(kept) < len(vocabulary):
        place = transfer_copies.trimmed(folder, vocabulary, kept)
        models.append(_model(TRIMMED, f"the tokens that cover {coverage:.4g} of the texts", [place], optional=True))
    else:
        missing.append(f"{TRIMMED}: the texts need every token")
    rows, width, rank = own.sizes.vocabulary, own.sizes.factor, own.sizes.factor // PART
    if saved := max(rows * width - parameters.factorised(rows, width, rank), 0):
        # Fine-tuning what stands in the folder, the factors' product, would give it its full rank back.
        place, origin = transfer_copies.truncated(folder, counts, rank), f"its word table as two factors of rank {rank}"
        models.append(_model(TRUNCATED, origin, [place], saved=saved, tunable=False))
    if own.vector:
        missing.append(f"{NARROWED}: a last layer leaves {own.vector} of {own.sizes.hidden} numbers already")
    elif vectors is not None:
        numbers = own.sizes.hidden // PART
        place = transfer_copies.narrowed(folder, vectors, numbers)
        models.append(_model(NARROWED, f"PCA of page 1's vectors as its last layer, {numbers} numbers", [place]))
    else:
        missing.append(f"{NARROWED}: page 1 has no vectors of this encoder's last layer")
    for page, found in earlier.items():
        if not found:
            missing.append(f"encoders of {page}: it has recorded none")
        for name, places in found.items():
            here = [paths.cache() / one for one in places]
            if all((one / "config.json").is_file() for one in here):
                models.append(_model(name, page, here))
            else:
                missing.append(f"{name} of {page}: its folder is not in the cache any more")
    if peer and sources.find(peer) != sources.find(str(reference)):
        place, beneath = _readable(sources.find(peer))
        models.append(_model(Path(peer).name, f"a peer trained elsewhere{beneath}", [place]))
    fresh = [transfer_copies.fresh(folder, seed) for seed in range(seeds)]
    models.append(_model(FRESH, "the reference's architecture, drawn at random", fresh, optional=True))
    return Shelf(tuple(models), tuple(missing))


def _readable(folder: Path) -> tuple[Path, str]:
    """What heads can read of an encoder, and in words how that is another one; nothing where it is not."""
    if narrowing.is_readable(folder):
        return folder, ""
    return transfer_copies.beneath(folder), ", beneath its dense layers: heads read hidden states or one linear map"


def sizes_of(folder: Path) -> Sizes:
    """The sizes of a folder's encoder without pooler and head, what its layers share included."""
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    ours = getattr(config, OURS, None) or {}
    shared = {"share": ours["sharing"], "groups": ours["groups"]} if ours else {}
    return replace(known.from_config(config), pooler=False, **shared)


def _model(name: str, origin: str, folders: Sequence[Path], **more: Any) -> Model:
    last = narrowing.read(folders[0])
    vector = last.out_features if last else 0
    return Model(name, origin, tuple(map(str, folders)), sizes_of(folders[0]), vector=vector, **more)
