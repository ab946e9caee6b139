"""How a loss falls with size: three laws, which of them foretells a size it has not seen, and how sure its numbers are.

With N the size, the laws are a constant ``L = c``, a power law ``L = a N^-b`` and one that ends in an asymptote,
``L = c + a N^-b`` (Kaplan et al. 2020, equation 1.1; Hoffmann et al. 2022, equation 2, at one number of tokens). All
are fitted by least squares on the loss itself, so that their errors compare.

A study has some six sizes. A law with more constants always fits these better, and Akaike's criterion corrected for
few points has next to nothing left of them (its denominator is the points less the constants less two). So a law is
judged by the size that it did not see: every size in turn is left out and foretold by a fit to the others. The simplest
law counts as best whose error is within one standard error of the least (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from smallbert.errors import DataError
from smallbert.measure.stats import sample

LawName = Literal["constant", "power law", "power law with asymptote"]

LAWS: tuple[LawName, ...] = get_args(LawName)
"""The laws, the simplest first."""

BENT: LawName = "power law with asymptote"

CONSTANTS = dict(zip(LAWS, (1, 2, 3), strict=True))
"""How many numbers a law has, and so how many sizes it needs."""

STEEPEST = 2.0
"""Largest exponent tried; the loss of a language model has some 0.1 (Kaplan et al. 2020, section 1.2)."""

SHALLOWEST = 0.01
"""Smallest exponent of a law with an asymptote: nearer to 0 it is a logarithm, and its asymptote means nothing."""

STEP = 0.02
"""Between exponents tried: one this near to a limit of the search may lie anywhere beyond it."""

RESAMPLES = 1_000


@dataclass(frozen=True)
class Curve:
    """A law with its numbers: ``L = c + a N^-b``.

    Attributes:
        law: which one.
        a: loss above c at N = 1; 0 for a constant.
        b: exponent; below 0 where a power law without asymptote grows.
        c: the asymptote; 0 for a power law without one.
    """

    law: LawName
    a: float
    b: float
    c: float

    def at(self, sizes: ArrayLike) -> np.ndarray:
        """The losses it foretells, same shape."""
        return self.c + self.a * np.asarray(sizes, dtype=np.float64) ** -self.b


def fit(sizes: ArrayLike, losses: ArrayLike, law: LawName) -> Curve:
    """The law of least squares; the best of all its curves, since for each exponent the rest is linear.

    Neither a nor c becomes negative: a loss falls to an asymptote that is a loss.

    Args:
        sizes: N, positive, shape (n,).
        losses: L, not negative, shape (n,).
        law: which one.

    Raises:
        DataError: unequal lengths, a size or loss out of range, or fewer sizes than the law has numbers.
    """
    n, y = _points(sizes, losses, least=CONSTANTS[law])
    if law == "constant":
        return Curve(law, 0.0, 0.0, float(y.mean()))
    middle = np.exp(np.log(n).mean())
    x = np.log(n / middle)
    free, tried = law == BENT, _exponents(law)
    best = int(_solve(x, y, tried, free)[2].argmin())
    bounds = tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)]
    found = minimize_scalar(
        lambda b: _solve(x, y, np.array([b]), free)[2][0], bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    (a,), (c,), _ = _solve(x, y, np.array([found.x]), free)
    b = float(found.x) if a > 0 else 0.0
    return Curve(law, float(a * middle**b), b, float(c))


def searched(law: LawName) -> tuple[float, float]:
    """Least and largest exponent that :func:`fit` tries; an estimate at either end is the search's, not the data's."""
    tried = _exponents(law)
    return float(tried[0]), float(tried[-1])


def _exponents(law: LawName) -> np.ndarray:
    return np.arange(SHALLOWEST if law == BENT else -STEEPEST, STEEPEST, STEP)


def left_out(sizes: ArrayLike, losses: ArrayLike, law: LawName) -> tuple[np.ndarray, list[Curve]]:
    """What a law foretells for every size from the others.

    Returns:
        Foretold less true losses, shape (n,), and the curves they come from; see :func:`fit` for the arguments.

    Raises:
        DataError: as :func:`fit`, or no more sizes than the law has numbers.
    """
    n, y = _points(sizes, losses, least=CONSTANTS[law] + 1)
    others = ~np.eye(len(n), dtype=bool)
    curves = [fit(n[rest], y[rest], law) for rest in others]
    return np.array([curve.at(n[i]) - y[i] for i, curve in enumerate(curves)]), curves


def preferred(errors: Mapping[LawName, ArrayLike]) -> LawName:
    """The simplest law whose mean squared error is within one standard error of the least.

    The standard error is that of the difference, since all laws foretell the same sizes; Breiman et al. (1984), whose
    rule this follows, take that of the least alone.

    Args:
        errors: of the same sizes for every law, from :func:`left_out`.
    """
    squares = {law: np.asarray(errors[law], dtype=np.float64) ** 2 for law in LAWS if law in errors}
    best = min(squares, key=lambda law: squares[law].mean())
    for law, own in squares.items():
        more = own - squares[best]
        if more.mean() <= more.std(ddof=1) / np.sqrt(len(more)):
            return law
    return best


def resampled(sizes: ArrayLike, losses: ArrayLike, law: LawName, *, seed: int = 0) -> list[Curve]:
    """Fits to means over seeds drawn with replacement, the same seeds for all sizes.

    Args:
        sizes: shape (n,).
        losses: one row a seed, one column a size, (S, n).
        law: which one.
        seed: of the draws.

    Returns:
        ``RESAMPLES`` curves. Few seeds have few different means, 10 of three: what the curves span is then rather too
        narrow than too wide.

    Raises:
        DataError: as :func:`fit`, or fewer than two seeds.
    """
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2:
        raise DataError(f"Expected losses of at least two seeds, one row each, got shape {table.shape}.")
    seeds = len(table)
    counts = np.random.default_rng(seed).multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES)
    distinct, drawn = np.unique(counts, axis=0, return_inverse=True)
    curves = [fit(sizes, weights @ table / seeds, law) for weights in distinct]
    return [curves[place] for place in drawn.ravel()]


def _points(sizes: ArrayLike, losses: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    n, y = sample(sizes, "sizes", least), sample(losses, "losses", least)
    if len(n) != len(y) or (n <= 0).any() or (y < 0).any():
        raise DataError(f"Expected a loss of 0 or more for every size above 0, got {y.tolist()} for {n.tolist()}.")
    if len(np.unique(n)) < least:
        raise DataError(f"Expected at least {least} different sizes, got {n.tolist()}.")
    return n, y


def _solve(x: np.ndarray, y: np.ndarray, exponents: np.ndarray, free: bool) -> tuple[np.ndarray, ...]:
    """For every exponent the best a and c, neither negative, and the squared error; ``free``: c is not held at 0."""
    powers = np.exp(-np.outer(exponents, x))  # (exponents, n)
    a, c = powers @ y / (powers**2).sum(1), np.zeros(len(exponents))
    if free:
        spread = powers - powers.mean(1, keepdims=True)
        slope = spread @ y / (spread**2).sum(1)
        level = y.mean() - slope * powers.mean(1)
        a = np.where(slope < 0, 0, np.where(level < 0, a, slope))
        c = np.where(slope < 0, y.mean(), np.where(level < 0, 0, level))
    return a, c, ((c[:, None] + a[:, None] * powers - y) ** 2).sum(1)
