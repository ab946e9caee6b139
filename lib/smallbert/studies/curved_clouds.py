"""Clouds of vectors whose curvature is known by construction, and the best any decoder could do on them.

``x = a A z + b B W q(z) + e`` with z standard normal of k numbers, q its m = k(k+1)/2 quadratic monomials
(:func:`smallbert.compress.quadratic.monomials`: uncorrelated, variance 1), A (k directions) and B (p directions) parts
of one random orthonormal frame of d, W of orthonormal rows (p, m), and isotropic noise e of variance s^2. The total
variance is 1, and PCA of width k, which finds A, always leaves the same part of it; of that part a share c, the
**curvature**, is the term in q, and the rest is noise. At c = 0 the cloud is linear.

**No decoder of the PCA code, whatever its size, gains more than c r^4** of PCA's error, with r^2 = a^2 / (a^2 + s^2)
the code's reliability. Given the noisy code u, standardised, ``E[q(z) | u] = r^2 q(u)``: a Hermite polynomial of degree
2 shrinks by the square of the correlation r (Mehler 1866). The conditional mean is the best decoder, and it is
quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.compress.quadratic import count, monomials
from smallbert.errors import UsageError

LEFT = 0.3
"""Part of the variance that PCA of width k leaves."""


@dataclass(frozen=True)
class CurvedCloud:
    """A population of vectors on a curved sheet of k dimensions in d.

    Args:
        k: dimensions of the sheet, and width of the code.
        curvature: share c of what PCA leaves that is quadratic in z; the rest is noise.
        width: numbers of a vector, d.

    Raises:
        UsageError: a curvature outside 0..1, or fewer than 2k numbers, so that PCA need not find the sheet's plane.
    """

    k: int
    curvature: float
    width: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.curvature <= 1:
            raise UsageError(f"Expected a curvature from 0 to 1, got {self.curvature}.")
        if self.k < 1 or self.width < 2 * self.k:
            raise UsageError(f"Expected vectors of at least 2k numbers, got {self.width} for k = {self.k}.")

    @property
    def noise(self) -> float:
        """Variance of the noise along any direction, s^2."""
        return LEFT * (1 - self.curvature) / (self.width - self.k)

    @property
    def reliability(self) -> float:
        """Share of a code number's variance that is the sheet's and not noise, r^2."""
        return 1 - self.noise * self.k / (1 - LEFT)

    @property
    def reachable(self) -> float:
        """The largest share of PCA's error that any decoder of PCA's code can remove: c r^4."""
        return self.curvature * self.reliability**2

    @property
    def floor(self) -> float:
        """FVU of PCA of width k fitted to the population."""
        return LEFT

    @property
    def best(self) -> float:
        """FVU of the best decoder of PCA's code, known curvature and noise."""
        return LEFT * (1 - self.reachable)

    def draw(self, *rows: int, generator: np.random.Generator) -> list[np.ndarray]:
        """Independent samples of one cloud, each float64 (rows, d); the generator also decides how the cloud lies."""
        m = count(self.k)
        curved = min(m, self.width - self.k)
        frame = np.linalg.qr(generator.standard_normal((self.width, self.width)))[0]
        mixed = np.linalg.qr(generator.standard_normal((m, curved)))[0]  # W transposed
        plane = np.sqrt((1 - LEFT) / self.k - self.noise) * frame[: self.k]
        bend = np.sqrt(LEFT * self.curvature / curved) * mixed @ frame[self.k : self.k + curved]
        samples = []
        for n in rows:
            z = generator.standard_normal((n, self.k))
            noise = np.sqrt(self.noise) * generator.standard_normal((n, self.width))
            samples.append(z @ plane + monomials(z) @ bend + noise)
        return samples
