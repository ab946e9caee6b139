"""A student that can be cut: an encoder with one linear map behind its pooling, read out after any of its layers.

The map stands in the order of the teacher's principal components, so that before any training the first k numbers of
the last layer are the best k numbers of the teacher (Eckart & Young 1936). All layers share it. A cut student is a
folder of its own: fewer layers, fewer rows of the map and, trimmed by :mod:`smallbert.compress.vocabulary`, fewer
tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from smallbert import storage
from smallbert.compress.dense import write_layers
from smallbert.compress.distill.elastic import require_pairs
from smallbert.compress.folders import copy_beside
from smallbert.compress.linear import Pca
from smallbert.compress.vocabulary import Vocabulary, check_free
from smallbert.errors import DataError
from smallbert.models import last_layer, sources
from smallbert.models.encoder import Pooling
from smallbert.models.interchange import OURS
from smallbert.models.last_layer import Layer
from smallbert.models.through_transformers import keep_layers, layer_count, load_model


class ElasticStudent(nn.Module):
    """An encoder and the map behind it; :func:`start` and :func:`load` make one.

    Args:
        encoder: a ``transformers`` encoder, without dropout: in evaluation mode.
        head: from the width of the hidden states to that of the vector, D numbers.
        pooling: ``mean`` over all tokens of a text or ``cls``, its first.
    """

    def __init__(self, encoder: Any, head: nn.Linear, pooling: Pooling) -> None:
        super().__init__()
        self.encoder, self.head, self.pooling = encoder.eval(), head, pooling
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # makes no vectors

    @property
    def layers(self) -> int:
        """N."""
        return self.encoder.config.num_hidden_layers

    @property
    def width(self) -> int:
        """D, numbers of the vector."""
        return self.head.out_features

    def forward(self, ids: Tensor, real: Tensor, layers: Sequence[int]) -> dict[int, Tensor]:
        """Vectors after some layers.

        Args:
            ids: token ids, filled up at the end, int64, (n, L).
            real: which of them are tokens of the text, bool, (n, L).
            layers: counted from 1.

        Returns:
            By layer, fp32 (n, D).
        """
        read = self.encoder(input_ids=ids, attention_mask=real.long(), output_hidden_states=True)
        return {layer: self.head(pooled(read.hidden_states[layer], real, self.pooling)) for layer in layers}


def pooled(hidden: Tensor, real: Tensor, pooling: Pooling) -> Tensor:
    """One vector a text: (n, L, d) and which tokens are real, bool, (n, L) -> (n, d)."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = real.unsqueeze(2).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def start(source: str, pca: Pca, *, layer: int, pooling: Pooling) -> ElasticStudent:
    """The teacher itself with its principal components behind it: where every training starts.

    Dense layers of the teacher become one map with them; an activation between is left to the training.

    Args:
        source: the teacher: ``minilm``, a folder or a hub id.
        pca: of its vectors.
        layer: that gives them; the student has no more.
        pooling: that gives them.

    Raises:
        DataError: the components are of another width than the teacher's.
        UsageError: the teacher is an ALBERT whose groups cannot be cut there.
    """
    folder = sources.find(source)
    encoder, _, depth = load_model(folder, layer)
    keep_layers(encoder, depth)
    vars(encoder.config).pop(OURS, None)  # tells which of all the layers share weights: a student's learn apart
    last = last_layer.read(folder) if depth == layer_count(folder) else None
    weight, bias = np.eye(encoder.config.hidden_size), np.zeros(encoder.config.hidden_size)
    for one in last.layers if last else ():
        weight, bias = one.weight.double().numpy() @ weight, one.weight.double().numpy() @ bias + one.bias.numpy()
    if len(pca.mean) != len(weight):
        raise DataError(
            f"Expected principal components of {len(weight)} numbers, as the teacher has, got {len(pca.mean)}."
        )
    head = nn.Linear(weight.shape[1], len(weight))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(pca.components.T @ weight))
        head.bias.copy_(torch.from_numpy((bias - pca.mean) @ pca.components))
    return ElasticStudent(encoder, head, pooling)


def save(student: ElasticStudent, source: str, out: Path, *, max_tokens: int) -> Path:
    """Write a student as a folder that ``transformers``, sentence-transformers and this library load.

    Args:
        student: the student.
        source: the teacher, whose tokenizer it has.
        out: the folder; ``config.json`` comes last.
        max_tokens: where a text is cut.

    Raises:
        MachineError: the folder cannot be written.
    """
    _write_head(student, out, max_tokens)
    state = {name: one.detach().cpu().contiguous() for name, one in student.encoder.named_parameters()}
    with storage.atomic_write(out / "model.safetensors") as file:
        file.write(to_bytes(state, metadata={"format": "pt"}))
    copy_beside(sources.find(source), out, config=False)
    storage.write_text(out / "config.json", student.encoder.config.to_json_string())
    return out


def load(folder: Path) -> ElasticStudent:
    """Read what :func:`save` or :func:`cut` wrote.

    Raises:
        DataError: the folder holds no such student.
    """
    encoder, _, _ = load_model(folder, -1)
    found = last_layer.read(folder)
    if found is None or len(found.layers) != 1 or not found.layers[0].is_affine:
        raise DataError(f"Expected a student with a map behind its pooling in {folder}, found none.")
    [map] = found.layers
    head = nn.Linear(map.weight.shape[1], map.weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(map.weight)
        head.bias.copy_(map.bias)
    return ElasticStudent(encoder, head, "cls" if found.pooling == "cls" else "mean")


def cut(folder: Path, out: Path, *, layers: int, width: int, max_tokens: int, kept: np.ndarray | None = None) -> Path:
    """Cut a student: its first layers, the first rows of its map, some of its tokens. Nothing is trained.

    Args:
        folder: the student.
        out: receives the smaller one.
        layers: that are left.
        width: numbers that are left of its vector.
        max_tokens: where a text is cut.
        kept: ids of the tokens that are left, from :meth:`smallbert.compress.vocabulary.Vocabulary.keep`; None is all.

    Raises:
        UsageError: more layers or numbers than the student has, an ALBERT whose groups cannot be cut there, or ``out``
            holds an encoder.
        DataError, MachineError: the folder cannot be read or written.
    """
    whole = load(folder)
    [(layers, width)] = require_pairs([(layers, width)], whole.layers, whole.width)
    encoder, _, _ = load_model(folder, layers)
    keep_layers(encoder, layers)
    head = nn.Linear(whole.head.in_features, width)
    with torch.no_grad():
        head.weight.copy_(whole.head.weight[:width])
        head.bias.copy_(whole.head.bias[:width])
    small = ElasticStudent(encoder, head, whole.pooling)
    check_free(out)
    if kept is None:
        return save(small, str(folder), out, max_tokens=max_tokens)
    with TemporaryDirectory(prefix="smallbert-cut-") as work:
        Vocabulary(save(small, str(folder), Path(work), max_tokens=max_tokens)).trim(kept, out)
    return out


def _write_head(student: ElasticStudent, out: Path, max_tokens: int) -> None:
    """The map as a last layer, and what tells sentence-transformers of it."""
    head = Layer(student.head.weight.detach().cpu(), student.head.bias.detach().cpu())
    write_layers([head], out, pooling=student.pooling, max_tokens=max_tokens)
