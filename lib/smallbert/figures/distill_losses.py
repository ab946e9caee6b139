"""Figures of the exact part of distillation: soft gradients over the temperature, and the part of logits stored."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd

from smallbert.figures.absent import absent
from smallbert.figures.intervals import half_interval, line
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, WIDTH

STUDENTS = {"like its teacher": ("-", True), "fresh": ("--", False)}
"""Line, and whether markers are filled."""


def soft_gradient(found: pd.DataFrame) -> Chart:
    """The soft gradient against its limit of high temperature, and the hard one against it, over T.

    Args:
        found: one row a number of classes, draw and T: ``classes``, ``draw``, ``temperature``, ``limit``, ``with``,
            ``without``.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    for position, (classes, own) in enumerate(found.groupby("classes")):
        name = f"{classes:,} classes"
        limit = own.groupby("temperature").limit.agg(["mean", "sem", "count"]).reset_index()
        left.errorbar(
            limit.temperature, limit["mean"], yerr=half_interval(limit), capsize=2.5, label=name, **line(name, position)
        )
        for column, filled in (("with", True), ("without", False)):
            mean = own.groupby("temperature")[column].mean()
            style = line(name, position) | ({} if filled else {"markerfacecolor": "white"})
            right.plot(mean.index, mean, label=f"{name}, {column} $T^2$", **style)
    left.axhline(1, color=FLOOR, linestyle=":")
    left.set(title="soft gradient times $T^2$", ylabel="share of the limit $(z - v) / N$")
    right.set(title="hard gradient against soft", ylabel="ratio of the norms", yscale="log")
    ticks = sorted(found.temperature.unique())
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="temperature T")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    right.minorticks_off()
    left.legend()
    right.legend(fontsize=7)
    means = found.groupby(["classes", "temperature"])[["limit", "without"]].mean()
    said = "; ".join(
        f"with {classes:,} classes from {own.limit.iloc[0]:.2f} to {own.limit.iloc[-1]:.3f} of its limit, the hard "
        f"gradient against it without the factor from {own.without.iloc[0]:.1f} to {own.without.iloc[-1]:,.0f}"
        for classes, own in means.groupby("classes")
    )
    return Chart(
        "soft_gradient",
        figure,
        found,
        f"From T = {ticks[0]:g} to {ticks[-1]:g} the soft gradient times T squared goes {said}.",
        f"Means over {found.draw.nunique()} pairs of random logits, gradients through autograd. Left: the norm of the "
        "soft gradient times T squared against that of Hinton's limit; error bars: 95% t interval over the pairs. "
        "Right: the hard label's gradient against the soft one; open markers: without the factor.",
    )


def stored_logits(table: pd.DataFrame, why: str = "") -> Chart:
    """What the k largest logits keep: the teacher's probability, and how far the student's gradient is off.

    Args:
        table: columns ``student``, ``k``, ``temperature``, ``mass kept``, ``gradient error``.
        why: there is no such table, in words; empty where there is one.
    """
    if why:
        return absent("stored_logits", why)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharex=True)
    for position, (t, own) in enumerate(table.groupby("temperature")):
        name = f"T = {t:g}"
        mass = own.groupby("k")["mass kept"].first()
        left.plot(mass.index, mass, label=name, **line(name, position))
        for student, part in own.groupby("student", sort=False):
            dashes, filled = STUDENTS[student]
            style = line(name, position) | {"linestyle": dashes}
            style |= {} if filled else {"markerfacecolor": "white"}
            right.plot(part.k, part["gradient error"], label=f"{name}, {student}", **style)
    left.set(ylabel="teacher's probability kept", ylim=(0, 1.04), xscale="log", title="mass")
    right.set(ylabel="error, share of the gradient", yscale="log", xscale="log", title="gradient of the student")
    for axes in (left, right):
        axes.set_xlabel("logits stored, k")
    left.legend()
    right.legend(fontsize=7)
    low, high = table.k.min(), table.k.max()
    middle = sorted(table.k.unique())[-2] if table.k.nunique() > 1 else high
    own = table[table.k == middle]
    said = "; ".join(
        f"T = {t:g}: {part['mass kept'].iloc[0]:.2f} of the probability, gradients "
        f"{part['gradient error'].min():.3f} to {part['gradient error'].max():.3f} off"
        for t, part in own.groupby("temperature")
    )
    return Chart(
        "stored_logits",
        figure,
        table,
        f"From {low:,} to {high:,} stored logits the gradient nears that of the whole distribution; at {middle:,}: "
        f"{said}.",
        "The k largest logits of the run's teacher in half precision, and the probability of all others as one class. "
        "Left: what the kept ones hold of its probability. Right: the distance of the student's gradient from that of "
        "the whole distribution, for a student with half of the teacher's layers (filled) and a fresh one (open).",
    )
