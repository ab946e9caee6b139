"""The dense layers that may follow an encoder's pooling: what ``smallbert build`` writes as ``2_Dense`` and so on."""

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
from smallbert.errors import DataError
from smallbert.models.attention import Groups

ACTIVATIONS: dict[str, type[nn.Module]] = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.Tanh, nn.Sigmoid, nn.GELU)
}
"""What may follow a layer, by the name that sentence-transformers gives it; a name is looked up, never imported."""

WEIGHTS = "model.safetensors"
"""The file of a layer's weights in its folder."""

_ENCODER = ["Transformer", "Pooling"]


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

    def after(self, forward: Callable[[Tensor, Groups], Tensor], device: Any) -> Callable[[Tensor, Groups], Tensor]:
        """The forward pass with these layers at its end."""
        layers = [layer.to(device) for layer in self.layers]

        def both(ids: Tensor, groups: Groups) -> Tensor:
            vectors = forward(ids, groups)
            for layer in layers:
                vectors = layer(vectors)
            return vectors

        return both


def read(folder: Path) -> LastLayers | None:
    """The dense layers that a folder's ``modules.json`` ends with; None where it ends otherwise.

    A folder with other modules is read for its encoder alone, as it is without any modules.

    Raises:
        DataError: a layer's files are missing or damaged, or its activation is none of :data:`ACTIVATIONS`.
    """
    if not (folder / "modules.json").is_file():
        return None
    modules = storage.read_json(folder / "modules.json")
    kinds = [one["type"].rsplit(".", 1)[-1] for one in modules]
    dense = kinds[len(_ENCODER) :]
    if kinds[: len(_ENCODER)] != _ENCODER or not dense or {*dense} != {"Dense"}:
        return None
    # Only folders so named are part of an encoder's checksum (sources.checksum).
    places = [folder / f"{place}_Dense" for place in range(len(_ENCODER), len(modules))]
    named = [folder / one["path"] for one in modules[len(_ENCODER) :]]
    if named != places or not any(place.is_dir() for place in places):
        return None
    try:
        pooling = storage.read_json(folder / "1_Pooling" / "config.json")
        layers = tuple(_layer(place) for place in places)
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(
            f"Expected the last layer that {folder / 'modules.json'} names: {error}", "Build the folder again."
        ) from error
    return LastLayers(layers, "cls" if pooling.get("pooling_mode_cls_token") else "mean")


def _layer(place: Path) -> Layer:
    named = storage.read_json(place / "config.json")["activation_function"]
    if named not in ACTIVATIONS:
        known = ", ".join(sorted(ACTIVATIONS))
        raise DataError(
            f"Expected an activation in {place / 'config.json'} out of {known}; got {named!r}.",
            "Take another encoder, or remove its modules.json to read it without last layers.",
        )
    weights = {name.removeprefix("linear."): part.float() for name, part in load_file(place / WEIGHTS).items()}
    weight = weights["weight"]
    return Layer(weight, weights.get("bias", weight.new_zeros(len(weight))), named)
