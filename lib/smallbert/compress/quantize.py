"""An encoder's weights in fewer bits: a smaller file, and products of integers.

*Weight-only*: every matrix is rounded to 8 or 4 bits, one scale for each of its rows, and what is stored is restored to
32 bits before it runs. That makes a download small and changes no speed. *Dynamic*: weights in 8 bits, and the inputs
of every product too, by the range that each batch, or each of its tokens, turns out to have; products run on the
processor's integer units. Both as in Zafrir et al. (2019), Q8BERT, arXiv 1910.06188, section 2, without their training.

torch's own ``quantize_dynamic`` is deprecated in favour of torchao, and so are its quantised tensors. What is used here
is the operator that ``torch.compile`` emits for quantised layers; it takes plain integer tensors.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from smallbert import runtime, storage
from smallbert.compress.folders import copy_beside, copy_last_layers, weights
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import encoder as encoders
from smallbert.models import families, sources
from smallbert.models.encoder import Encoder
from smallbert.models.packed import packed_model, with_packed
from smallbert.models.through_transformers import load_model

Bits = Literal[16, 8, 4]

WEIGHTS = "quantised.safetensors"
SCALE = ".scale"
"""A matrix ``NAME`` of 8 or 4 bits comes with its scales, ``NAME.scale``."""

_ABOUT = "smallbert"
_INTEGER_UNITS = ("amx_int8", "avx512_vnni", "avx_vnni")


def quantise(weight: Tensor, bits: Literal[8, 4]) -> tuple[Tensor, Tensor]:
    """Round a matrix to integers, symmetrically, by the largest magnitude of each row.

    Args:
        weight: (n, k).
        bits: 8 or 4: integers from -127 to 127, or from -7 to 7.

    Returns:
        Integers, int8 (n, k), and scales, fp32 (n, 1): their product is at most half a scale off.
    """
    largest = 2 ** (bits - 1) - 1
    scales = weight.float().abs().amax(dim=1, keepdim=True) / largest
    steps = weight.float() / torch.where(scales > 0, scales, 1.0)
    return steps.round().to(torch.int8), scales


def halves(integers: Tensor) -> Tensor:
    """Two integers from -7 to 7 a byte: int8 (n, k) to uint8 (n, k / 2 rounded up), the first in the low half."""
    odd = integers.shape[1] % 2
    raised = torch.nn.functional.pad(integers, (0, odd)).add(8).to(torch.uint8)
    return raised[:, ::2] | raised[:, 1::2] << 4


def wholes(packed: Tensor, width: int) -> Tensor:
    """What :func:`halves` packed: uint8 (n, k / 2 rounded up) to int8 (n, width)."""
    pairs = torch.stack([packed & 15, packed >> 4], dim=2)
    return pairs.flatten(1)[:, :width].to(torch.int8) - 8


def write(folder: Path, out: Path, bits: Bits) -> Path:
    """Store an encoder's weights in fewer bits, beside its configuration and tokenizer.

    Matrices become integers with a scale a row (16 bits: floating point); vectors (biases, norms) keep 32 bits, for
    they are few.

    Args:
        folder: a Hugging Face encoder.
        out: a folder without an encoder.
        bits: 16, 8 or 4.

    Returns:
        The file of weights.

    Raises:
        UsageError: other bits.
        DataError: the folder holds no readable weights.
        MachineError: the folder cannot be written.
    """
    if bits not in (16, 8, 4):
        raise UsageError(f"Expected 16, 8 or 4 bits, got {bits}.")
    tensors, widths = {}, {}
    for name, weight in weights(folder):
        if not weight.is_floating_point() or weight.ndim != 2:
            tensors[name] = weight
        elif bits == 16:
            tensors[name] = weight.half()
        else:
            integers, tensors[name + SCALE] = quantise(weight, bits)
            tensors[name] = halves(integers) if bits == 4 else integers
            widths[name] = weight.shape[1]
    about = {"format": "pt", _ABOUT: json.dumps({"bits": bits, "widths": widths})}
    with storage.atomic_write(out / WEIGHTS) as file:
        file.write(save(tensors, metadata=about))
    copy_last_layers(folder, out)
    copy_beside(folder, out)
    return out / WEIGHTS


def restore(packed: Path, out: Path) -> Path:
    """Make of stored weights an encoder in 32 bits again, which everything loads.

    Args:
        packed: what :func:`write` wrote.
        out: a folder without an encoder.

    Returns:
        ``out``.

    Raises:
        DataError: no such weights, or damaged ones.
        MachineError: the folder cannot be written.
    """
    if not (packed / WEIGHTS).is_file():
        hint = "Name the folder stored/ that `smallbert build` wrote with fewer bits."
        raise DataError(f"Expected stored weights {WEIGHTS} in {packed}, found none.", hint)
    found = dict(weights(packed, WEIGHTS))
    try:
        with safe_open(packed / WEIGHTS, framework="pt") as file:
            about = json.loads(file.metadata()[_ABOUT])
        tensors = {}
        for name, weight in found.items():
            if name in about["widths"]:
                integers = wholes(weight, about["widths"][name]) if about["bits"] == 4 else weight
                tensors[name] = integers * found[name + SCALE]
            elif name.removesuffix(SCALE) not in about["widths"]:
                tensors[name] = weight.float() if weight.is_floating_point() else weight
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{packed / WEIGHTS} is not what was written: {error!r}.", "Quantise again.") from error
    with storage.atomic_write(out / "model.safetensors") as file:
        file.write(save(tensors, metadata={"format": "pt"}))
    copy_last_layers(packed, out)
    copy_beside(packed, out)
    return out


def integer_units() -> str | None:
    """The processor's units for products of 8-bit integers, by the name the system has for them; None without any."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text(errors="replace").split()) if info.exists() else set()
    return next((name for name in _INTEGER_UNITS if name in flags), None)


def dynamic(name: str, *, layer: int = -1, precision: runtime.Precision = "auto", **options: Any) -> Encoder:
    """Load an encoder whose products run in 8-bit integers, on the CPU.

    Norms, softmax and attention's own products stay in the number format that ``precision`` says.

    Args:
        name: as for :func:`smallbert.models.encoder.load`.
        layer: as there.
        precision: as there.
        options: more of its arguments, but ``device``.

    Raises:
        MachineError: this processor has no integer units, or this torch no operator for them.
        UsageError: see :func:`smallbert.models.packed.packed_model`.
        DataError: as :func:`smallbert.models.encoder.load`.
    """
    require_integer_units()
    plain = encoders.load(name, layer=layer, precision=precision, device="cpu", **options)
    forward: Any = copy.copy(packed_model(plain, "A product"))
    model, _, depth = load_model(sources.find(name), layer)
    weights = cast(families.Weights, families.read(model, depth))  # what runs packed was read once already
    made: dict[int, object] = {}  # shared blocks are quantised once
    for packed, block in zip(forward.blocks, weights.blocks, strict=True):
        if id(block) not in made:
            changed = copy.copy(packed)
            for part in ("qkv", "out", "up", "down"):
                activation = weights.activation if part == "up" else None
                least = _LEAST[weights.activation] if part == "down" else None
                setattr(changed, part, Int8Linear(getattr(block, part), forward.dtype, activation, least=least))
            made[id(block)] = changed
    forward.blocks = [made[id(block)] for block in weights.blocks]
    if weights.projection:
        forward.projection = Int8Linear(weights.projection, forward.dtype)
    sha256 = storage.digest([plain.sha256, "int8 dynamic, rows"], length=64)
    return with_packed(plain, forward, sha256=sha256, precision=f"int8 and {plain.describe()['precision']}")


def require_integer_units() -> None:
    """Refuse a machine that cannot multiply 8-bit integers in hardware.

    Raises:
        MachineError: it has no units for it, or torch no operator.
    """
    operators = torch.ops.onednn
    if not (integer_units() and hasattr(operators, "qlinear_pointwise") and torch.backends.mkldnn.is_available()):
        raise MachineError(
            f"Expected a processor with one of {', '.join(_INTEGER_UNITS)} and a torch with oneDNN.",
            "Elsewhere sums of 8-bit products can overflow or are slow: keep bf16 or fp32.",
        )


class Int8Linear:
    """``activation(x @ weight.T + bias)`` with weights and inputs in 8 bits, in the place of ``models.linear.Linear``.

    Inputs are rounded to steps between the least and the largest of a call, anew for every call; or, where their least
    possible value is known, each row by its own largest. That is for inputs behind an activation, whose largest values
    belong to few tokens: by one range for all, these are what breaks 8 bits (the second feed-forward product). Zero is
    one of the steps. Sums are exact, in 32-bit integers.

    Args:
        pair: weight (n, k) and bias (n).
        dtype: of the output.
        activation: None, ``gelu``, ``gelu_tanh`` or ``relu``; None where ``least`` is given.
        least: the least that an input can be, at most 0; None where that is not known.
    """

    def __init__(
        self,
        pair: tuple[Tensor, Tensor],
        dtype: torch.dtype,
        activation: str | None = None,
        *,
        least: float | None = None,
    ) -> None:
        integers, scales = quantise(pair[0], 8)
        self.weight = torch.ops.onednn.qlinear_prepack(integers, None)
        self.scales, self.zeros = scales.flatten(), torch.zeros(len(scales), dtype=torch.int32)
        self.bias, self.dtype = pair[1].float(), dtype
        self.after = _AFTER[activation]
        self.least = least

    def __call__(self, x: Tensor) -> Tensor:
        """(rows, k) -> (rows, n)."""
        return self._by_range(x.float()) if self.least is None else self._by_rows(x.float(), self.least)

    def _by_range(self, x: Tensor) -> Tensor:
        low, high = (float(edge) for edge in torch.aminmax(x))
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / _STEPS or 1.0
        zero = math.ceil(-low / scale)
        steps = _last_bytes(torch.add(torch.tensor(_SHIFT + zero), x, alpha=1 / scale))
        return self._product(steps, scale, zero, self.bias, self.dtype, *self.after)

    def _by_rows(self, x: Tensor, least: float) -> Tensor:
        zero = _BELOW if least else 0
        scales = x.amax(dim=1, keepdim=True).mul_(1 / (_STEPS - zero))
        scales.clamp_min_(-least / (zero - 1) if least else torch.finfo(torch.float32).tiny)
        steps = _last_bytes(torch.addcmul(torch.tensor(_SHIFT + zero), x, scales.reciprocal()))
        found = self._product(steps, 1.0, zero, None, torch.float32, *_AFTER[None])
        return torch.addcmul(self.bias, found, scales).to(self.dtype)

    def _product(
        self, steps: Tensor, scale: float, zero: int, bias: Tensor | None, dtype: torch.dtype, kind: str, algorithm: str
    ) -> Tensor:
        return torch.ops.onednn.qlinear_pointwise(
            steps, scale, zero, self.weight, self.scales, self.zeros, bias, 1.0, 0, dtype, kind, [], algorithm
        )


_AFTER = {None: ("none", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh"), "relu": ("relu", "")}

_LEAST = {"gelu": -0.1701, "gelu_tanh": -0.1701, "relu": 0.0}
"""The least that an activation gives."""

_STEPS = 254
"""Steps of a byte that are used: one is left at each end for what rounding adds, for a byte too large turns round."""

_BELOW = 16
"""Of them those below zero, where inputs reach from hardly below zero to far above."""

_SHIFT = 1.5 * 2**23
"""Added to a number of fp32, it rounds it to an integer (to even at half) that its last bits spell."""


def _last_bytes(shifted: Tensor) -> Tensor:
    """The integers below 256 in numbers that :data:`_SHIFT` was added to: one pass, where rounding takes four."""
    return shifted.view(torch.int32).to(torch.uint8)
