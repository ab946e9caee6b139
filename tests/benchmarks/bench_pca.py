"""PCA in one streaming pass against scikit-learn's covariance solver in memory: equal floors, rows that need not fit.

    python tests/benchmarks/bench_pca.py           200,000 x 768, 5 rounds
    python tests/benchmarks/bench_pca.py --rows 1000000    1M x 768 (3 GB, held in memory for scikit-learn's sake)
    python tests/benchmarks/bench_pca.py --quick   20,000 x 768, 1 round

Ours reads the matrix block by block and gives the floor of every bottleneck at once; scikit-learn gives that of 64. The
share of the limit counts n d^2 operations: a covariance is symmetric, so half of its products need not be taken. Peak
memory of 1M streamed rows is in bench_growth.py.
"""

from __future__ import annotations

from typing import Any

import machine
import numpy as np
import parts
from bench_grid import vectors
from compare import Variant, compare
from sklearn.decomposition import PCA

from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments

WIDTH, CODE = 768, 64
SOLVERS = ("covariance_eigh", "randomized")


def profile(rows: int) -> list[dict[str, Any]]:
    """Where the time of one pass goes."""
    return parts.of_pca(vectors(rows, WIDTH), machine.best_limits()["fp32_gflops"])


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000, help="rows (default 200,000)")
    options = parser.parse_args()
    rows = 20_000 if options.quick else options.rows
    matrix = vectors(rows, WIDTH)
    floors: dict[str, float] = {}

    def scikit(name: str, solver: str) -> None:
        fitted = PCA(CODE, svd_solver=solver, random_state=0).fit(matrix)
        floors[name] = 1 - float(fitted.explained_variance_ratio_.sum())

    def ours() -> None:
        moments = Moments.of(matrix)
        floors["smallbert, one pass"] = float(Pca.fit(moments).fvu(moments)[CODE])

    def variant(solver: str) -> tuple[str, Variant]:
        name = f"scikit-learn {solver}"
        return name, Variant(lambda: scikit(name, solver))

    found = compare(
        "PCA",
        dict([variant(SOLVERS[0]), ("smallbert, one pass", Variant(ours)), variant(SOLVERS[1])]),
        amount=rows,
        unit="rows",
        rounds=machine.rounds(options),
        gflop=1e-9 * rows * WIDTH**2,
        checks=lambda: {name: {"floor at 64": np.round(floor, 8)} for name, floor in floors.items()},
    )
    exact, own = floors[f"scikit-learn {SOLVERS[0]}"], floors["smallbert, one pass"]
    if abs(own - exact) > 1e-6:
        raise SystemExit(f"Expected equal floors, got {exact:.8f} and {own:.8f}.")
    machine.save("pca", options.out, found["limits"], comparisons=[found | {"width": WIDTH}])


if __name__ == "__main__":
    main()
