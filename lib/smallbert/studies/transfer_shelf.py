"""The encoders of page 6: what the report has trained or made smaller, as folders to load, and what each costs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from safetensors.torch import load_file, save

from smallbert import paths, storage
from smallbert.compress.factorise import truncate
from smallbert.compress.vocabulary import Vocabulary
from smallbert.models import flops, parameters, sources
from smallbert.models import sizes as known
from smallbert.models.interchange import OURS
from smallbert.models.sizes import Sizes
from smallbert.results import Results
from smallbert.studies.facts import PRETRAIN, stored
from smallbert.studies.sharing import Trained

REFERENCE, TRIMMED, TRUNCATED, FRESH = "whole encoder", "vocabulary trimmed", "word table truncated", "fresh weights"

_WORDS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class Model:
    """One encoder of the shelf.

    Args:
        name: what the report calls it.
        origin: where it comes from, in words.
        folders: where it lies; of several, seed i takes the i-th, so that the spread over seeds holds pretraining too.
        sizes: of the encoder, without pooler and head.
        saved: parameters that are stored in a smaller form than the folder has them.
        tunable: whether training all weights leaves it what it is.
        copy: whether it is the reference with something changed, made here without training.
    """

    name: str
    origin: str
    folders: tuple[str, ...]
    sizes: Sizes
    saved: int = 0
    tunable: bool = True
    copy: bool = False

    @property
    def parameters(self) -> int:
        """Of the encoder, without pooler and head."""
        return parameters.count(self.sizes).total - self.saved

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
        """What each encoder is and costs: ``model``, ``origin``, ``layers``, ``width``, ``vocabulary``, ``positions``,
        ``parameters`` (without pooler and head), ``of reference``, ``megabytes`` (fp32), ``operations`` (million a
        token, forward)."""
        whole = self.reference.parameters
        return pd.DataFrame(
            {
                "model": model.name,
                "origin": model.origin,
                "layers": model.sizes.layers,
                "width": model.sizes.hidden,
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
    return str(paths.cache() / first["pretrained"]) if encoder == PRETRAIN else encoder


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
    *,
    earlier: Mapping[str, Mapping[str, Sequence[str]]],
    peer: str,
    coverage: float,
    rank: int,
    seeds: int,
) -> Shelf:
    """Put all encoders together, making what is made from the reference alone.

    Args:
        reference: the run's encoder: a folder, ``minilm`` or a hub id.
        texts: what a trimmed vocabulary has to cover, and what weights the rows of a truncated table.
        earlier: page in words -> what it recorded (:func:`recorded`); empty where it recorded nothing.
        peer: another encoder; ``""`` for none.
        coverage: of the texts' tokens that the trimmed vocabulary keeps.
        rank: of the truncated word table.
        seeds: encoders with fresh weights, one a seed.

    Raises:
        DataError, MachineError: the reference cannot be loaded.
    """
    folder = sources.find(str(reference))
    own = _model(REFERENCE, "what the others are made from or compared with", [folder])
    models, missing = [own], []
    vocabulary = Vocabulary(folder)
    counts = vocabulary.count(texts)
    kept = vocabulary.keep(counts, coverage=coverage)
    if len(kept) < len(vocabulary):
        place = _place("trimmed", folder, kept.tolist())
        if not (place / "config.json").exists():
            vocabulary.trim(kept, place)
        models.append(_model(TRIMMED, f"the tokens that cover {coverage:.4g} of the texts", [place], copy=True))
    else:
        missing.append(f"{TRIMMED}: the texts need every token")
    models += _truncated(own, folder, counts, rank)
    for page, found in earlier.items():
        if not found:
            missing.append(f"encoders of {page}: it has recorded none")
        for name, places in found.items():
            here = [paths.cache() / one for one in places]
            if all((one / "config.json").is_file() for one in here):
                models.append(_model(name, page, here))
            else:
                missing.append(f"{name} of {page}: its folder is not in the cache any more")
    if peer and sources.find(peer) != folder:
        models.append(_model(Path(peer).name, "a peer trained elsewhere", [sources.find(peer)]))
    fresh = [_fresh(folder, seed) for seed in range(seeds)]
    models.append(_model(FRESH, "the reference's architecture, drawn at random", fresh, copy=True))
    return Shelf(tuple(models), tuple(missing))


def sizes_of(folder: Path) -> Sizes:
    """The sizes of a folder's encoder without pooler and head, what its layers share included."""
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    ours = getattr(config, OURS, None) or {}
    shared = {"share": ours["sharing"], "groups": ours["groups"]} if ours else {}
    return replace(known.from_config(config), pooler=False, **shared)


def _model(name: str, origin: str, folders: Sequence[Path], **more: Any) -> Model:
    return Model(name, origin, tuple(map(str, folders)), sizes_of(folders[0]), **more)


def _place(kind: str, folder: Path, made_of: Any) -> Path:
    return paths.cache() / "shelf" / f"{kind}-{storage.digest([sources.checksum(folder), made_of])}"


def _truncated(own: Model, folder: Path, counts: np.ndarray, rank: int) -> list[Model]:
    """The reference with a word table of a lower rank, nothing where that saves nothing.

    Its folder holds the product of the two factors. Training that would give it its full rank back, so it is only used
    frozen.
    """
    rows, width = own.sizes.vocabulary, own.sizes.factor
    saved = rows * width - parameters.factorised(rows, width, rank)
    if rank >= width or saved <= 0:
        return []
    place = _place("truncated", folder, [rank, counts.tolist()])
    if not (place / "config.json").exists():
        weights = _weights(folder)
        [name] = [name for name in weights if name.endswith(_WORDS)]
        left, right = truncate(weights[name].float().numpy(), counts + 1.0).factors(rank)
        _write(place, folder, weights | {name: torch.from_numpy((left @ right).astype(np.float32))})
    origin = f"the two factors of rank {rank} nearest to its word table, by frequency"
    return [replace(own, name=TRUNCATED, origin=origin, folders=(str(place),), saved=saved, tunable=False, copy=True)]


def _fresh(folder: Path, seed: int) -> Path:
    place = _place("fresh", folder, seed)
    if not (place / "config.json").exists():
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = transformers.AutoModel.from_config(config, dtype=torch.float32)
        _write(place, folder, {name: t for name, t in model.state_dict().items() if not name.startswith("pooler.")})
    return place


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def _write(place: Path, like: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """A folder with other weights and everything else of an encoder's; ``config.json`` comes last."""
    with storage.atomic_write(place / "model.safetensors") as file:
        file.write(save({name: tensor.contiguous() for name, tensor in weights.items()}, metadata={"format": "pt"}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(like, trust_remote_code=False)
    tokenizer.save_pretrained(place)
    with (like / "config.json").open("rb") as source, storage.atomic_write(place / "config.json") as file:
        shutil.copyfileobj(source, file)
