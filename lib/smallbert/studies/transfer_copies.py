"""What page 6 makes of its reference without training, as folders that load like any encoder; each is made once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import save

from smallbert import paths, storage
from smallbert.compress import dense, folders
from smallbert.compress.factorise import truncate
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.store import EmbeddingStore
from smallbert.compress.vocabulary import Vocabulary
from smallbert.models import last_layer, sources
from smallbert.models.last_layer import Layer
from smallbert.studies import matrices

FITTED_ROWS = 20_000
"""Train vectors behind the principal components, at most."""

_WORDS = "embeddings.word_embeddings.weight"


def beneath(folder: Path) -> Path:
    """The encoder without the dense layers after its pooling.

    Args:
        folder: the encoder's.
    """
    place = _place("beneath", folder, [])
    if not _made(place):
        _write(place, folder, dict(folders.weights(folder)))
    return place


def trimmed(folder: Path, vocabulary: Vocabulary, kept: np.ndarray) -> Path:
    """The encoder with fewer tokens.

    Args:
        folder: the encoder's.
        vocabulary: its own.
        kept: tokens to keep, from :meth:`Vocabulary.keep`.
    """
    place = _place("trimmed", folder, kept.tolist())
    if not _made(place):
        vocabulary.trim(kept, place)
    return place


def truncated(folder: Path, counts: np.ndarray, rank: int) -> Path:
    """The encoder with a word table of a lower rank: the product of the two factors nearest to it.

    Args:
        folder: the encoder's.
        counts: occurrences of each token, which weigh its row.
        rank: of the table.
    """
    place = _place("truncated", folder, [rank, counts.tolist()])
    if not _made(place):
        weights = dict(folders.weights(folder))
        [name] = [name for name in weights if name.endswith(_WORDS)]
        left, right = truncate(weights[name].float().numpy(), counts + 1.0).factors(rank)
        folders.copy_last_layers(folder, place)
        _write(place, folder, weights | {name: torch.from_numpy((left @ right).astype(np.float32))})
    return place


def narrowed(folder: Path, vectors: EmbeddingStore, width: int) -> Path:
    """The encoder with PCA of its own vectors as its last layer.

    Args:
        folder: the encoder's.
        vectors: what it makes of a corpus; its train split is fitted.
        width: principal components kept.
    """
    place = _place("narrowed", folder, [vectors.key, FITTED_ROWS, width])
    if not _made(place):
        train = matrices.load(vectors, train_rows=FITTED_ROWS, seed=0).train
        options = {name: vectors.manifest["encoder"][name] for name in ("pooling", "max_tokens")}
        dense.write(folder, [dense.affine(Pca.fit(Moments.of(train)).code(width))], place, **options)
    return place


def fresh(folder: Path, seed: int) -> Path:
    """An encoder of the same architecture, last layers included, with weights drawn by a seed, without a pooler."""
    place = _place("fresh", folder, seed)
    if not _made(place):
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = transformers.AutoModel.from_config(config, dtype=torch.float32)
            if last := last_layer.read(folder):
                layers = [_drawn(one) for one in last.layers]
                dense.write_layers(layers, place, pooling=last.pooling, max_tokens=config.max_position_embeddings)
        _write(place, folder, {name: t for name, t in model.state_dict().items() if not name.startswith("pooler.")})
    return place


def _drawn(layer: Layer) -> Layer:
    """One of the same shape that keeps the size of what it reads."""
    width, given = layer.weight.shape
    return Layer(torch.randn(width, given) / given**0.5, torch.zeros(width), layer.activation)


def _place(kind: str, folder: Path, made_of: Any) -> Path:
    # Copies of an encoder with last layers were once made without them.
    more = ["last layers"] if sources.last_layers(folder) else []
    return paths.cache() / "shelf" / f"{kind}-{storage.digest([sources.checksum(folder), made_of, *more])}"


def _made(place: Path) -> bool:
    """``config.json`` is written last."""
    return (place / "config.json").exists()


def _write(place: Path, like: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """A folder with other weights and everything else of an encoder's."""
    with storage.atomic_write(place / "model.safetensors") as file:
        file.write(save({name: tensor.contiguous() for name, tensor in weights.items()}, metadata={"format": "pt"}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(like, trust_remote_code=False)
    tokenizer.save_pretrained(place)
    with (like / "config.json").open("rb") as source, storage.atomic_write(place / "config.json") as file:
        shutil.copyfileobj(source, file)
