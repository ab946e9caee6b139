"""What is left to ``transformers``: reading a model from its folder, and running families without a forward of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smallbert.errors import DataError, UsageError
from smallbert.models.attention import Groups


def load_model(folder: Any, layer: int) -> tuple[Any, Any, int]:
    """The model with no layer above ``layer`` where the family allows it, its tokenizer, and the layer >= 0.

    Raises:
        DataError: the folder holds no encoder that can be used.
        UsageError: layer is out of range.
    """
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers meets a file that is none with errors of any kind
        raise DataError(
            f"{folder} holds no encoder that can be loaded without its own code: {error}",
            "Use a family that transformers has built in, saved whole with save_pretrained (configuration, tokenizer, "
            "weights).",
        ) from error
    if not tokenizer.is_fast:
        raise DataError(
            f"Expected a fast tokenizer in {folder} (tokenizer.json), got {type(tokenizer).__name__}.",
            "Convert it: AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder).",
        )
    states = config.num_hidden_layers + 1
    if not -states <= layer < states:
        raise UsageError(
            f"Expected layer between {-states} and {states - 1} for {folder}, got {layer}.",
            "0 is the embeddings, -1 the last layer.",
        )
    depth = layer % states
    if config.model_type in ("bert", "roberta", "xlm-roberta", "distilbert"):
        config.num_hidden_layers = depth
    try:
        with quiet():
            model, info = transformers.AutoModel.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        raise DataError(
            f"The weights in {folder} do not fit its config.json: {error}", "Copy or download the whole folder again."
        ) from error
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise DataError(
            f"Expected all of the encoder's weights in {folder}, {len(missing)} are missing: {missing[0]}",
            "Copy or download the whole folder again.",
        )
    return model, tokenizer, depth


def keep_layers(model: Any, depth: int) -> None:
    """Make a model its first layers, in what it runs and in its configuration.

    Which of its groups an ALBERT runs at a place follows from how many layers and groups it has: with fewer layers
    alone, every place would get another group.

    Args:
        model: of :func:`load_model`, read for ``depth`` layers.
        depth: layers that stay.

    Raises:
        UsageError: no number of groups gives the ALBERT's first layers.
    """
    config = model.config
    if config.model_type == "albert" and 0 < depth < config.num_hidden_layers:
        whole = _groups(config.num_hidden_layers, config.num_hidden_groups)
        fitting = [count for count in range(1, len(whole) + 1) if _groups(count, whole[count - 1] + 1) == whole[:count]]
        if depth not in fitting:
            raise UsageError(
                f"Expected a number of layers out of {', '.join(map(str, fitting))}, got {depth}.",
                f"An ALBERT spreads its groups evenly over its layers, which {depth} of {len(whole)} layers in "
                f"{config.num_hidden_groups} groups are not.",
            )
        config.num_hidden_groups = whole[depth - 1] + 1
        model.encoder.albert_layer_groups = model.encoder.albert_layer_groups[: config.num_hidden_groups]
    config.num_hidden_layers = depth


def _groups(layers: int, groups: int) -> list[int]:
    """The group that an ALBERT of ``transformers`` runs at each place."""
    return [int(place / (layers / groups)) for place in range(layers)]


def layer_count(folder: Path) -> int:
    """Layers of the whole encoder; its loaded configuration counts those that were built."""
    import transformers

    return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False).num_hidden_layers


class Fallback:
    """Any encoder without a packed forward, one call of its model for each length in a batch."""

    def __init__(self, model: nn.Module, pooling: str, depth: int, dtype: torch.dtype, device: torch.device) -> None:
        self.model = model.to(device, dtype).eval()
        self.pooling, self.depth = pooling, depth

    def __call__(self, ids: Tensor, groups: Groups) -> Tensor:
        """Vectors of the texts, fp32 (texts, width): ``forward`` of :class:`smallbert.models.encoder.Encoder`."""
        pieces, start = [], 0
        for length, count in groups:
            stop = start + length * count
            states = self.model(input_ids=ids[start:stop].view(count, length), output_hidden_states=True)
            hidden = states.hidden_states[self.depth]
            pieces.append(hidden.mean(1, dtype=torch.float32) if self.pooling == "mean" else hidden[:, 0].float())
            start = stop
        return torch.cat(pieces)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' report on unused layers and its progress bar; what matters is checked by us."""
    from transformers.utils import logging as reports

    level, bar = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.ERROR)
    reports.disable_progress_bar()
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bar:
            reports.enable_progress_bar()
