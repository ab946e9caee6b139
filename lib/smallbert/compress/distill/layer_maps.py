"""Which teacher layer a student layer is copied from, and which one it learns from."""

from __future__ import annotations

import numpy as np

from smallbert.errors import UsageError

COPIES = ("released", "even", "top", "bottom", "random")
"""Names of :func:`copied_layers`."""

MAPS = ("uniform", "top", "bottom")
"""Names of :func:`layer_map`."""


def copied_layers(name: str, student: int, teacher: int, seed: int = 0) -> list[int]:
    """The teacher's layers, counted from 0, that initialise a student: M of N, in ascending order.

    ``released`` spreads the M layers evenly from the first to the last; for 6 of 12 that is [0, 2, 4, 7, 9, 11], the
    layers of the released DistilBERT (``extract.py``, which gives no reason). ``even`` is one in N / M, counted from
    the first, as the paper's wording has it (Sanh et al. 2019, arXiv 1910.01108, section 3). ``top`` are the last M,
    ``bottom`` the first M, ``random`` a draw.

    Args:
        name: one of :data:`COPIES`.
        student: M, layers of the student.
        teacher: N, layers of the teacher.
        seed: of ``random``.

    Raises:
        UsageError: an unknown name, or a student that is deeper than its teacher.
    """
    if not 1 <= student <= teacher:
        raise UsageError(f"Expected a student of 1 to {teacher} layers, as many as the teacher has, got {student}.")
    if name == "released":
        # Halves are rounded up, whatever the parity.
        return [(2 * i * (teacher - 1) + student - 1) // (2 * (student - 1)) if i else 0 for i in range(student)]
    if name == "even":
        return [i * teacher // student for i in range(student)]
    if name == "top":
        return list(range(teacher - student, teacher))
    if name == "bottom":
        return list(range(student))
    if name == "random":
        return sorted(np.random.default_rng(seed).choice(teacher, student, replace=False).tolist())
    raise UsageError(f"Expected a layer map out of {', '.join(COPIES)}, got {name!r}.")


def layer_map(name: str, student: int, teacher: int) -> list[int]:
    """TinyBERT's g(m): the teacher layer that student layer m learns from, for m = 0, ..., M + 1.

    Layer 0 is the embedding layer and layer M + 1 the prediction layer, so g(0) = 0 and g(M + 1) = N + 1 (Jiao et al.
    2020, arXiv 1909.10351, section 3.1). In between, ``uniform`` is g(m) = m N / M, ``top`` m + N - M and ``bottom`` m,
    which the paper compares. Patient KD's PKD-Skip and PKD-Last are ``uniform`` and ``top`` at m = 1, ..., M - 1 (Sun
    et al. 2019, arXiv 1908.09355, section 3.2).

    Args:
        name: one of :data:`MAPS`.
        student: M, layers of the student.
        teacher: N, layers of the teacher.

    Returns:
        M + 2 layer numbers.

    Raises:
        UsageError: an unknown name, a student that is deeper than its teacher, or with ``uniform`` an M that does not
            divide N, as in the official code.
    """
    if name not in MAPS:
        raise UsageError(f"Expected a layer map out of {', '.join(MAPS)}, got {name!r}.")
    if not 1 <= student <= teacher:
        raise UsageError(f"Expected a student of 1 to {teacher} layers, as many as the teacher has, got {student}.")
    if name == "uniform" and teacher % student:
        divisors = ", ".join(str(m) for m in range(1, teacher + 1) if teacher % m == 0)
        raise UsageError(
            f"Expected student layers that divide the teacher's {teacher} ({divisors}), got {student}: "
            "each learns from one in N / M.",
            "Choose one of these, or the layer map top or bottom.",
        )
    between = {
        "uniform": lambda m: m * teacher // student,
        "top": lambda m: m + teacher - student,
        "bottom": lambda m: m,
    }[name]
    return [0, *map(between, range(1, student + 1)), teacher + 1]
