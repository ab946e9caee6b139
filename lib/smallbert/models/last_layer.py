"""The dense layers that follow an encoder's pooling: LaBSE's, or the ``2_Dense`` that ``smallbert build`` writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from smallbert import storage
from smallbert.errors import DataError, UsageError
from smallbert.models import sources
from smallbert.models.attention import Groups

ACTIVATIONS: dict[str, type[nn.Module]] = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.Tanh, nn.Sigmoid, nn.GELU)
}
"""What may follow a layer, by the name that sentence-transformers gives it; a name is looked up, never imported."""

_POOLINGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
"""Keys that older versions of sentence-transformers set for a pooling, where newer ones write ``pooling_mode``."""

_INSTEAD = "Take another encoder, or remove its modules.json to read it without last layers."


@dataclass(frozen=True, eq=False)
class Layer:
    """An affine map and what follows it.

    Args:
        weight: (k, d).
        bias: (k,).
        activation: a key of :data:`ACTIVATIONS`.
    """

    weight: Tensor
    bias: Tensor
    activation: str = f"{nn.Identity.__module__}.{nn.Identity.__qualname__}"

    def __call__(self, vectors: Tensor) -> Tensor:
        """(n, d) to (n, k)."""
        made: Tensor = ACTIVATIONS[self.activation]()(F.linear(vectors, self.weight, self.bias))
        return made

    @property
    def is_affine(self) -> bool:
        """Whether nothing follows the map."""
        return ACTIVATIONS[self.activation] is nn.Identity

    def to(self, device: Any) -> Layer:
        """The same layer on a device."""
        return Layer(self.weight.to(device), self.bias.to(device), self.activation)


@dataclass(frozen=True, eq=False)
class LastLayers:
    """The layers on the pooled vector, first to last, and the pooling they were fitted to."""

    layers: tuple[Layer, ...]
    pooling: str

    @property
    def width(self) -> int:
        """Numbers in what comes out."""
        return len(self.layers[-1].weight)

    def after(self, forward: Callable[[Tensor, Groups], Tensor], device: Any) -> Followed:
        """The forward pass with these layers at its end."""
        return Followed(forward, tuple(layer.to(device) for layer in self.layers))


@dataclass(frozen=True, eq=False)
class Followed:
    """A forward pass and the layers after it, all on one device."""

    forward: Callable[[Tensor, Groups], Tensor]
    layers: tuple[Layer, ...]

    def __call__(self, ids: Tensor, groups: Groups) -> Tensor:
        """As ``forward``, (texts, k)."""
        vectors = self.forward(ids, groups)
        for layer in self.layers:
            vectors = layer(vectors)
        return vectors


def read(folder: Path) -> LastLayers | None:
    """The dense layers of :func:`smallbert.models.sources.last_layers`; None where there are none.

    Raises:
        DataError: a layer's files are missing or damaged, its activation is none of :data:`ACTIVATIONS`, it adds what
            it reads to what it gives, or the pooling before it is neither ``mean`` nor ``cls``.
    """
    places = sources.last_layers(folder)
    if not places:
        return None
    try:
        pooling = _pooling(folder / sources.POOLING)
        layers = tuple(_layer(place) for place in places)
    except (OSError, AttributeError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(
            f"Expected the last layer that {folder / sources.MODULES} names: {error}",
            "Build the folder again; another's save with sentence-transformers, which writes safetensors.",
        ) from error
    return LastLayers(layers, pooling)


def require_pooling(last: LastLayers, pooling: str, folder: Path) -> None:
    """Refuse to read an encoder with another pooling than its last layers were fitted to.

    Args:
        last: its layers.
        pooling: that it is to be read with.
        folder: the encoder's.

    Raises:
        UsageError: it is another.
    """
    if pooling != last.pooling:
        raise UsageError(
            f"Expected pooling {last.pooling}, which the last layer in {folder} needs, got {pooling}.",
            f"Give --pooling {last.pooling}, or for a report -p pooling={last.pooling}.",
        )


def own_pooling(folder: Path) -> str:
    """The pooling that an encoder's modules name, ``mean`` where they name none that can be read.

    Args:
        folder: of an encoder.

    Raises:
        DataError: last layers follow a pooling that is neither ``mean`` nor ``cls``.
    """
    if sources.last_layers(folder):
        return _pooling(folder / sources.POOLING)
    try:
        return _pooling(folder / sources.POOLING) if sources.is_pooled_alone(folder) else "mean"
    except DataError:
        return "mean"


def unread(folder: Path, pooling: str) -> str:
    """How sentence-transformers reads a folder otherwise than we do; empty where it does not.

    A normalisation at the end is none: it changes no cosine.

    Args:
        folder: of an encoder.
        pooling: that it is read with.
    """
    kinds = [kind for kind, _ in sources.modules_of(folder)]
    if not kinds:
        return ""
    try:
        own = _pooling(folder / sources.POOLING)
    except DataError:
        own = "of another kind"
    told = [] if own == pooling else [f"pooling is {own}, here {pooling}"]
    if (after := [kind for kind in kinds[2:] if kind != sources.NORMALIZE]) and not sources.last_layers(folder):
        told.append(f"{', '.join(after)} follows, here nothing")
    return f"sentence-transformers reads this encoder otherwise: {'; '.join(told)}" if told else ""


def _pooling(path: Path) -> str:
    """What a pooling takes of a text, ``mean`` where its file does not say, as in sentence-transformers."""
    about = storage.read_json(path)
    older = [_POOLINGS.get(name, name) for name, on in about.items() if name.startswith("pooling_mode_") and on]
    found = about.get("pooling_mode", older or "mean")
    kind = found[0] if isinstance(found, list) and len(found) == 1 else found
    if kind not in ("mean", "cls"):
        raise DataError(
            f"Expected a pooling before the last layer of mean or cls in {path}, got {kind}.",
            _INSTEAD,
        )
    return str(kind)


def _layer(place: Path) -> Layer:
    about = storage.read_json(place / "config.json")
    named = about["activation_function"]
    if named not in ACTIVATIONS:
        known = ", ".join(sorted(ACTIVATIONS))
        raise DataError(
            f"Expected an activation in {place / 'config.json'} out of {known}; got {named!r}.",
            _INSTEAD,
        )
    if about.get("use_residual"):
        raise DataError(f"Expected a layer that adds nothing in {place}, got use_residual.", _INSTEAD)
    found = load_file(place / sources.WEIGHTS)
    weights = {name.removeprefix("linear."): part.float() for name, part in found.items()}
    weight = weights["weight"]
    return Layer(weight, weights.get("bias", weight.new_zeros(len(weight))), named)
