"""The autoencoders of the studies: their description, their reference module and their exact cost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.schedules import Widths, hidden_widths
from smallbert.errors import UsageError

DECODERS = ("affine", "mlp", "mirrored")


@dataclass(frozen=True)
class Architecture:
    """One autoencoder: ``d`` -> hidden widths -> code of width ``k`` -> decoder -> ``d``.

    The code and the output are affine by default; every layer between them ends in ``activation``.

    Attributes:
        input_width: ``d``, the width of an embedding.
        bottleneck: ``k``, the width of the code.
        hidden: the encoder's hidden widths (see :mod:`smallbert.compress.schedules`); encoder depth is one more.
        activation: of every hidden layer of encoder and decoder, a key of :data:`ACTIVATIONS`.
        decoder: ``affine`` one layer, as in the original study; ``mlp`` two layers, with the hidden width halfway
            between ``k`` and ``d``; ``mirrored`` the encoder's hidden widths in reverse.
        output_activation: on the reconstruction. With an affine decoder and ``identity`` here, no encoder whatever can
            reach a smaller squared error than PCA (Eckart & Young 1936; Bourlard & Kamp 1988): see ``has_pca_floor``.
        code_activation: on the code (scikit-learn's ``MLPRegressor`` puts the hidden activation there too).
        residual: hidden layers become pre-normalised residual blocks, see :class:`ResidualBlock`.

    Raises:
        UsageError: unknown activation or decoder, or a width below 1.
    """

    input_width: int
    bottleneck: int
    hidden: Widths = ()
    activation: str = "relu"
    decoder: str = "affine"
    output_activation: str = "identity"
    code_activation: str = "identity"
    residual: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        for name in ("activation", "output_activation", "code_activation"):
            if getattr(self, name) not in ACTIVATIONS:
                known = ", ".join(ACTIVATIONS)
                raise UsageError(f"Expected {name} out of {known}; got {getattr(self, name)!r}.")
        if self.decoder not in DECODERS:
            raise UsageError(f"Expected decoder out of {', '.join(DECODERS)}; got {self.decoder!r}.")
        if min(self.input_width, self.bottleneck, *self.hidden) < 1:
            raise UsageError(f"Expected widths of at least 1; got {self}.")

    @property
    def depth(self) -> int:
        """Affine layers of the encoder."""
        return len(self.hidden) + 1

    @property
    def has_pca_floor(self) -> bool:
        """Whether all reconstructions lie in one affine subspace of ``k`` dimensions: PCA is then a lower bound."""
        return self.decoder == "affine" and self.output_activation == "identity"

    @property
    def encoder_widths(self) -> Widths:
        """``d``, the hidden widths, ``k``."""
        return (self.input_width, *self.hidden, self.bottleneck)

    @property
    def decoder_widths(self) -> Widths:
        """``k``, the decoder's hidden widths, ``d``."""
        middle = {
            "affine": (),
            "mlp": hidden_widths("uniform", self.input_width, self.bottleneck, 2),
            "mirrored": self.hidden[::-1],
        }[self.decoder]
        return (self.bottleneck, *middle, self.input_width)

    @property
    def encoder_parameters(self) -> int:
        """Trained numbers of the encoder, in closed form."""
        return _parameters(self.encoder_widths, self.residual)

    @property
    def decoder_parameters(self) -> int:
        """Trained numbers of the decoder, in closed form."""
        return _parameters(self.decoder_widths, self.residual)

    @property
    def encode_flops(self) -> int:
        """Operations to encode one vector: ``2 in out`` a matrix product; element-wise work is not counted."""
        return _flops(self.encoder_widths, self.residual)

    @property
    def training_flops(self) -> int:
        """Operations of one training step for one vector: forward, and backward twice that, less the input's gradient.

        (A residual first layer of unchanged width has no such saving: its normalisation needs that gradient.)
        """
        fan_in, fan_out = self.encoder_widths[:2]
        saved = 0 if self.residual and self.hidden and fan_in == fan_out else 2 * fan_in * fan_out
        return 3 * (self.encode_flops + _flops(self.decoder_widths, self.residual)) - saved


def _layers(widths: Widths, residual: bool) -> list[tuple[int, int, bool, bool]]:
    """(in, out, normalised, projected) of every layer: only hidden layers can be residual blocks."""
    last = len(widths) - 2
    return [
        (fan_in, fan_out, residual and index < last, residual and index < last and fan_in != fan_out)
        for index, (fan_in, fan_out) in enumerate(pairwise(widths))
    ]


def _parameters(widths: Widths, residual: bool) -> int:
    return sum(
        fan_in * fan_out * (1 + projected) + fan_out + 2 * fan_in * normalised
        for fan_in, fan_out, normalised, projected in _layers(widths, residual)
    )


def _flops(widths: Widths, residual: bool) -> int:
    return sum(2 * fan_in * fan_out * (1 + projected) for fan_in, fan_out, _, projected in _layers(widths, residual))


class ResidualBlock(nn.Module):
    """A hidden layer with a way around it: ``S h + act(W LayerNorm(h) + b)``.

    The normalisation stands before the layer (pre-norm: Xiong et al. 2020, arXiv 2002.04745; LayerNorm: Ba et al.
    2016, arXiv 1607.06450). The shortcut ``S`` is the identity where the width stays and a trained projection without
    bias where it changes (He et al. 2016, arXiv 1512.03385, eq. 2 and option B), so a narrowing block holds about
    twice a plain layer's parameters; :attr:`Architecture.encoder_parameters` counts them.

    Shapes: (rows, in) -> (rows, out).
    """

    def __init__(self, fan_in: int, fan_out: int, activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(fan_in)
        self.linear = _linear(fan_in, fan_out, generator)
        same = fan_in == fan_out
        self.shortcut = nn.Identity() if same else _linear(fan_in, fan_out, generator, bias=False)
        self.activation = ACTIVATIONS[activation].module()

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply the block."""
        return self.shortcut(hidden) + self.activation(self.linear(self.norm(hidden)))


class Autoencoder(nn.Module):
    """The reference module of an :class:`Architecture`: ``encode``, ``decode`` and both.

    Shapes: encode (rows, d) -> (rows, k); decode (rows, k) -> (rows, d).
    """

    def __init__(self, architecture: Architecture, generator: torch.Generator) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.encoder = _chain(a.encoder_widths, a.activation, a.code_activation, a.residual, generator)
        self.decoder = _chain(a.decoder_widths, a.activation, a.output_activation, a.residual, generator)

    def encode(self, vectors: Tensor) -> Tensor:
        """The code of each vector."""
        return self.encoder(vectors)

    def decode(self, codes: Tensor) -> Tensor:
        """The reconstruction from each code."""
        return self.decoder(codes)

    def forward(self, vectors: Tensor) -> Tensor:
        """The reconstruction of each vector."""
        return self.decoder(self.encoder(vectors))


def build(architecture: Architecture, seed: int) -> Autoencoder:
    """A freshly initialised fp32 autoencoder on the CPU; the global random state is neither read nor changed.

    Weights and biases are uniform in ``+-1/sqrt(in)``, what ``nn.Linear`` does by default (``kaiming_uniform_`` with
    ``a = sqrt(5)``), drawn from one generator in layer order: same seed, same stream, whatever the architecture.
    """
    generator = torch.Generator().manual_seed(stream_seed(seed, 0))
    return Autoencoder(architecture, generator)


def stream_seed(seed: int, *stream: int) -> int:
    """The seed of one of the independent random streams of a run (0: initial weights; 1, epoch: order of rows)."""
    return int(np.random.SeedSequence((seed, *stream)).generate_state(1, np.uint64)[0])


def _chain(widths: Widths, activation: str, last: str, residual: bool, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        if residual:
            layers.append(ResidualBlock(fan_in, fan_out, activation, generator))
        else:
            layers += [_linear(fan_in, fan_out, generator), ACTIVATIONS[activation].module()]
    layers += [_linear(widths[-2], widths[-1], generator), ACTIVATIONS[last].module()]
    return nn.Sequential(*layers)


def _linear(fan_in: int, fan_out: int, generator: torch.Generator, bias: bool = True) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
    return layer
