"""Vectors with a falling spectrum, a mean that is not zero, and clusters."""

import numpy as np
import pytest

WIDTH = 32


@pytest.fixture(scope="session")
def split():
    """Train and test, float32."""
    rng = np.random.default_rng(11)
    mix = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0] * 0.85 ** np.arange(WIDTH)[:, None] * 4
    centres = rng.standard_normal((8, WIDTH))

    def draw(rows):
        return ((rng.standard_normal((rows, WIDTH)) + centres[rng.integers(8, size=rows)]) @ mix + 0.3).astype("f4")

    return draw(1200), draw(200)
