"""A small set of vectors with a known spectrum, and the bench that trains on it."""

import numpy as np
import pandas as pd
import pytest

from smallbert.studies.matrices import Matrices
from smallbert.studies.protocols import Bench

WIDTH = 12


@pytest.fixture(scope="session")
def vectors() -> Matrices:
    """Vectors with a falling spectrum and a large mean, labelled by topic and with translations known."""
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
    scale = 0.7 ** np.arange(WIDTH)

    def split(rows: int) -> np.ndarray:
        return ((rng.standard_normal((rows, WIDTH)) * scale) @ rotation + 2.0).astype(np.float32)

    def known(rows: int) -> pd.DataFrame:
        events = np.arange(rows) // 2
        return pd.DataFrame(
            {
                "lang": np.where(np.arange(rows) % 2, "ko", "en"),
                "topic": np.where(events % 3 == 0, "sport", "law"),
                "group": [f"event-{event}" for event in events],
            }
        )

    sizes = {"train": 600, "validation": 100, "test": 200}
    return Matrices(
        **{name: split(n) for name, n in sizes.items()}, rows={n: known(k) for n, k in sizes.items()}, key="t"
    )


@pytest.fixture(scope="session")
def bench(vectors, tmp_path_factory) -> Bench:
    return Bench(vectors, tmp_path_factory.mktemp("grid"), device="cpu", batch_size=64, jobs=1)
