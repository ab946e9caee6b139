"""Where the time of extraction, the grid and PCA goes, part by part, each held to this machine's limit.

    python tests/benchmarks/bench_parts.py           MiniLM on 200 texts, a deep autoencoder, PCA of 200,000 x 768
    python tests/benchmarks/bench_parts.py --quick   the same on little

A profile tells why a target is missed; it is of one process, with no peer beside it. Products in bf16 are left out
where the processor has no units for them: they run in software, and nobody would choose them there.
"""

from __future__ import annotations

import bench_extract
import bench_grid
import bench_pca
import machine
import parts
from texts import news

from smallbert import provenance


def main() -> None:
    options = machine.arguments(__doc__.splitlines()[0]).parse_args()
    forms = [form for form in bench_extract.PRECISIONS if form != "bf16" or provenance.machine()["bf16_in_hardware"]]
    found = [
        *bench_extract.profile(news(20 if options.quick else 200), forms),
        *bench_grid.profile(512 if options.quick else 2_048),
        *bench_pca.profile(20_000 if options.quick else 200_000),
    ]
    parts.show(found)
    machine.save("parts", options.out, machine.best_limits(), parts=found)


if __name__ == "__main__":
    main()
