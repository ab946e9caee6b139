"""The affine layer that may follow an encoder's pooling: what ``smallbert build`` writes as ``2_Dense``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from smallbert import storage
from smallbert.errors import DataError
from smallbert.models.attention import Groups
from smallbert.models.sources import LAST_LAYER

_KINDS = ["Transformer", "Pooling", "Dense"]
_IDENTITY = "torch.nn.modules.linear.Identity"


@dataclass(frozen=True)
class LastLayer:
    """Weight (k, d) and bias (k) on the pooled vector, and the pooling it was fitted to."""

    weight: Tensor
    bias: Tensor
    pooling: str

    def after(self, forward: Callable[[Tensor, Groups], Tensor], device: torch.device) -> Callable[..., Tensor]:
        """The forward pass with this layer at its end."""
        weight, bias = self.weight.to(device), self.bias.to(device)
        return lambda ids, groups: torch.addmm(bias, forward(ids, groups), weight.T)


def read(folder: Path) -> LastLayer | None:
    """The layer that a folder's ``modules.json`` ends with; None where it ends otherwise.

    A folder whose modules are others, or whose layer is not affine, is read for its encoder alone, as it is without
    any modules.

    Raises:
        DataError: the layer's files are missing or damaged.
    """
    if not (folder / "modules.json").is_file():
        return None
    kinds = [one["type"].rsplit(".", 1)[-1] for one in storage.read_json(folder / "modules.json")]
    if kinds != _KINDS or not (folder / LAST_LAYER).parent.is_dir():
        return None
    try:
        about = storage.read_json(folder / LAST_LAYER.parent / "config.json")
        pooling = storage.read_json(folder / "1_Pooling" / "config.json")
        if about["activation_function"] != _IDENTITY:
            return None
        layer = load_file(folder / LAST_LAYER)
        weight, bias = layer["linear.weight"].float(), layer["linear.bias"].float()
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(
            f"Expected the last layer that {folder / 'modules.json'} names: {error}", "Build the folder again."
        ) from error
    return LastLayer(weight, bias, "cls" if pooling.get("pooling_mode_cls_token") else "mean")
