"""What page 5 judges students by, and the differences that do not matter."""

from __future__ import annotations

MEASURES = {
    "loss": "held-out loss, nats",
    "agreement": "agreement with the teacher",
    "similarity": "similarity to the teacher",
    "topic": "topic probe",
    "language": "language probe",
}
"""What students are judged by; of the first, less is better, of the others more."""

MARGINS = {"loss": 0.02, "agreement": 0.01, "similarity": 0.01, "topic": 0.02, "language": 0.02}
"""Differences that do not matter: two per cent of perplexity; one or two points."""


def effect(name: str, limits: tuple[float, float, float]) -> str:
    """A difference as what it does: ``lowers the loss by 0.249 [0.202, 0.296]``.

    So no reader has to know of which measure less is better, or what was taken from what.

    Args:
        name: of :data:`MEASURES`.
        limits: the difference, low and high limit.
    """
    estimate, low, high = limits
    verb = "raises"
    if estimate < 0:
        verb, estimate, low, high = "lowers", -estimate, -high, -low
    return f"{verb} the {name} by {estimate:.3f} [{low:.3f}, {high:.3f}]"
