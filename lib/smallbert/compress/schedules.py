"""Named rules for the widths of an encoder's hidden layers, and partners of equal size.

An encoder of depth ``D`` is ``D`` affine layers from the input width ``d`` to the bottleneck ``k``, so it has
``D - 1`` hidden widths. A rule is a curve ``w(t)`` with ``w(0) = d`` and ``w(1) = k``, read at ``t = 1/D, ...,
(D - 1)/D`` and rounded to the nearest integer. Two families meet the names of the original study (science.md B3):
*uniform* falls in equal steps, *bottleneck-heavy* is narrow from the first hidden layer on.

    >>> hidden_widths("uniform", 768, 128, 4)
    (608, 448, 288)
    >>> hidden_widths("bottleneck-heavy-2", 768, 128, 4)
    (248, 185, 151)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from smallbert.errors import UsageError

Widths = tuple[int, ...]
Curve = Callable[[int, int, float], float]

MATCH_TOLERANCE = 0.01


def uniform(d: int, k: int, t: float) -> float:
    """Equal steps: ``d + (k - d) t``. Its own mirror image."""
    return d + (k - d) * t


def geometric(d: int, k: int, t: float) -> float:
    """Equal ratios: ``d (k / d)^t``; the same as bottleneck-heavy of degree 0."""
    return d * (k / d) ** t


def bottleneck_heavy(d: int, k: int, t: float, degree: int) -> float:
    """Narrow early: geometric with ``t`` replaced by ``t^(1 / (1 + degree))``.

    Degree 2 is nearest to the original study's list, (256, 192, 160) between 768 and 128.
    """
    return geometric(d, k, t ** (1 / (1 + degree)))


def mirrored(curve: Curve, d: int, k: int, t: float) -> float:
    """The reverse partner of ``curve``: ``d + k - w(1 - t)``, wide for as long as the other is narrow."""
    return d + k - curve(d, k, 1 - t)


def _registry() -> dict[str, Curve]:
    heavy: dict[str, Curve] = {
        f"bottleneck-heavy-{degree}": partial(bottleneck_heavy, degree=degree) for degree in (1, 2, 3)
    }
    wide: dict[str, Curve] = {f"wide-heavy-{name[-1]}": partial(mirrored, curve) for name, curve in heavy.items()}
    others: dict[str, Curve] = {
        "uniform": uniform,
        "geometric": geometric,
        "reverse-geometric": partial(mirrored, geometric),
    }
    return others | heavy | wide


#: Every named rule. ``wide-heavy-N`` is the mirror image of ``bottleneck-heavy-N`` and stays wide until late.
SCHEDULES: dict[str, Curve] = _registry()


def hidden_widths(name: str, input_width: int, bottleneck: int, depth: int) -> Widths:
    """Hidden widths of the rule ``name`` for an encoder of ``depth`` affine layers.

    Args:
        name: a key of :data:`SCHEDULES`.
        input_width: ``d``, the width of an embedding.
        bottleneck: ``k``, the width of the code, at most ``d``.
        depth: number of affine layers, at least 1.

    Returns:
        ``depth - 1`` widths from the input to the code; none at depth 1.

    Raises:
        UsageError: unknown name, or sizes that make no encoder.
    """
    if name not in SCHEDULES:
        raise UsageError(f"Expected a width schedule out of {', '.join(sorted(SCHEDULES))}; got {name!r}.")
    if depth < 1 or not 1 <= bottleneck <= input_width:
        raise UsageError(
            f"Expected depth >= 1 and 1 <= bottleneck <= input width; got depth {depth}, bottleneck "
            f"{bottleneck}, input width {input_width}."
        )
    curve = SCHEDULES[name]
    return tuple(round(curve(input_width, bottleneck, step / depth)) for step in range(1, depth))


def encoder_parameters(input_width: int, hidden: Widths, bottleneck: int) -> int:
    """Weights and biases of a plain encoder: the sum of ``in * out + out`` over its layers.

    A vector costs ``2 in out`` operations in a layer, so encoders of equal parameter count are also of equal
    FLOPs up to the biases: iso-parameter and iso-FLOP partners of a plain encoder are the same thing.
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((input_width, *hidden, bottleneck)))


def match_parameters(name: str, input_width: int, bottleneck: int, depth: int, target: int) -> Widths:
    """Widths of the family ``name`` scaled until the encoder has ``target`` parameters, within 1 %.

    Rule: every width's excess over the bottleneck is scaled by one factor, ``k + c (w - k)`` with ``c >= 0``, so the
    shape of the schedule stays and no layer becomes narrower than the code. ``c`` is found by bisection (the count
    grows with ``c``); what rounding leaves is taken out one unit of width at a time. Widths may exceed ``d``.

    Args:
        name: a key of :data:`SCHEDULES`.
        input_width: ``d``.
        bottleneck: ``k``, below ``d``.
        depth: number of affine layers.
        target: parameters to reach, weights and biases.

    Raises:
        UsageError: the target cannot be met: depth 1 has nothing to scale, or fewer than the encoder whose hidden
            layers are all as narrow as the code.
    """
    base = hidden_widths(name, input_width, bottleneck, depth)

    def scaled(factor: float) -> Widths:
        return tuple(round(bottleneck + factor * (width - bottleneck)) for width in base)

    def count(widths: Widths) -> int:
        return encoder_parameters(input_width, widths, bottleneck)

    low, high = 0.0, 1.0
    while max(base, default=bottleneck) > bottleneck and count(scaled(high)) < target:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if count(scaled(middle)) < target else (low, middle)
    best = _settle(scaled(high), count, target, bottleneck)
    if abs(count(best) - target) > MATCH_TOLERANCE * target:
        raise UsageError(
            f"Expected {name} widths between {input_width} and {bottleneck} at depth {depth} with {target:,} "
            f"parameters (within 1 %); the nearest, {best}, have {count(best):,}.",
            "Compare with a partner of at least the narrowest encoder's size, at depth 2 or more.",
        )
    return best


def _settle(widths: Widths, count: Callable[[Widths], int], target: int, least: int) -> Widths:
    """Move single widths by one while that brings the count nearer to the target."""
    while True:
        moves = [
            (*widths[:i], widths[i] + step, *widths[i + 1 :])
            for i in range(len(widths))
            for step in (-1, 1)
            if widths[i] + step >= least
        ]
        best = min(moves, key=lambda move: abs(count(move) - target), default=widths)
        if not abs(count(best) - target) < abs(count(widths) - target):
            return widths
        widths = best


def matched_partner(name: str, partner: str, input_width: int, bottleneck: int, depth: int) -> Widths:
    """Widths of the family ``name`` with as many encoder parameters as ``partner`` has at the same depth.

    Raises:
        UsageError: as :func:`match_parameters`.
    """
    hidden = hidden_widths(partner, input_width, bottleneck, depth)
    if depth == 1:
        return hidden
    target = encoder_parameters(input_width, hidden, bottleneck)
    return match_parameters(name, input_width, bottleneck, depth, target)
