"""The waterfall from multilingual BERT to a small student: what every step saves, in every order.

A step's bar depends on the steps before it: trimming a vocabulary saves rows of width H before the embedding is
factorised and rows of width E after it, and leaving out layers that share their weights saves nothing. A waterfall
in one order hides that, so every order is computed too, with the mean over all of them (Shapley 1953).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal, get_args

import pandas as pd

from smallbert.errors import SmallbertError, UsageError
from smallbert.models.parameters import count
from smallbert.models.presets import PRESETS
from smallbert.models.sizes import Sizes
from smallbert.published import Published, load

MBERT = PRESETS["google-bert/bert-base-multilingual-cased"]
START = "multilingual BERT"
MILLION = 10**6

Body = Literal["6 layers", "TinyBERT"]


@dataclass(frozen=True)
class Step:
    """One way to make an encoder smaller.

    Attributes:
        name: what figures call it.
        formula: parameters it saves, in the letters of :class:`smallbert.models.sizes.Sizes`; those after are primed.
        changes: sizes it sets; no two steps set the same one, so that the end does not depend on the order.
    """

    name: str
    formula: str
    changes: dict[str, Any]

    def applied(self, sizes: Sizes) -> Sizes:
        """The sizes after the step."""
        return replace(sizes, **self.changes)


def steps(vocabulary: int, *, embedding: int = 128, body: Body = "6 layers") -> list[Step]:
    """Trim, factorise, share and distil, in the order in which they are usually told.

    Args:
        vocabulary: V', tokens that trimming leaves.
        embedding: E of the factorised embedding.
        body: of the student: half of the layers, or TinyBERT's of 4 layers and width 312.

    Raises:
        UsageError: another body.
    """
    if body not in get_args(Body):
        raise UsageError(f"Expected a body out of {', '.join(get_args(Body))}; got {body!r}.")
    tiny = PRESETS["huawei-noah/TinyBERT_General_4L_312D"]
    narrow = {name: getattr(tiny, name) for name in ("layers", "hidden", "heads", "intermediate")}
    return [
        Step("trim the vocabulary", "(V - V') E", {"vocabulary": vocabulary}),
        Step("factorise the embedding", "(V + P + T + 2) (H - E) - (E + 1) H", {"embedding": embedding}),
        Step("share all layers", "(L - 1) (4 H^2 + 9 H + 2 H F + F)", {"share": "all"}),
        Step("distil the body", "body(H, L, F) - body(H', L', F')", {"layers": 6} if body == "6 layers" else narrow),
    ]


def waterfall(chain: Sequence[Step], order: Sequence[str] | None = None, *, start: Sizes = MBERT) -> pd.DataFrame:
    """Parameters after every step of one order.

    Args:
        chain: from :func:`steps`.
        order: names of the steps; as in ``chain`` by default.
        start: an encoder without a head that neither shares nor factorises.

    Returns:
        One row for the start and one a step: ``step``, ``parameters`` (left after it), ``saved``, ``share`` (of the
        start's parameters), ``formula``, ``fp32`` and ``int8`` (bytes left).

    Raises:
        UsageError: the order is not one of these steps, or the start not such an encoder.
        SmallbertError: a bar is not what its formula says.
    """
    if (start.share, start.embedding, start.head) != ("none", None, "none"):
        raise UsageError("Expected a start without sharing, factorisation and head: these are steps or no part.")
    by_name = {step.name: step for step in chain}
    order = list(by_name if order is None else order)
    if sorted(order) != sorted(by_name):
        raise UsageError(f"Expected an order of {', '.join(by_name)}; got {', '.join(order)}.")
    sizes, rows = start, [_row(START, start, start, start, "")]
    for step in (by_name[name] for name in order):
        before, sizes = sizes, step.applied(sizes)
        rows.append(_row(step.name, start, before, sizes, step.formula))
        saved, expected = rows[-1]["saved"], _analytic(before, sizes)
        if saved != expected:
            raise SmallbertError(
                f"Expected '{step.name}' to save {expected:,} parameters by its formula, counted {saved:,}.",
                "The formula holds for BERT with and without factorisation and sharing.",
            )
    return pd.DataFrame(rows)


def every_order(chain: Sequence[Step], *, start: Sizes = MBERT) -> pd.DataFrame:
    """What each step saves by its place among the others.

    Returns:
        One row a step: ``step``, ``first`` (saved as the first step), ``last`` (as the last) and ``mean`` (over all
        orders: the Shapley value; these sum to what all steps save).
    """
    names = [step.name for step in chain]
    bars = [waterfall(chain, order, start=start)[1:].rename_axis("place") for order in permutations(names)]
    saved = pd.concat(bars).reset_index().groupby(["step", "place"]).saved.mean().unstack()
    # As the first and as the last step it always saves the same, whatever the order of the others.
    columns = {"first": saved[1], "last": saved[len(names)], "mean": saved.mean(axis=1)}
    return pd.DataFrame(columns).loc[names].astype({"first": int, "last": int}).reset_index()


def geotrend(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """The trimmed multilingual BERTs that Abdaoui et al. (2020) released: their counts follow from V alone.

    Args:
        table: published numbers by id; the project's own by default.

    Returns:
        One row a model: ``model``, ``tokens`` (V, printed), ``printed`` (parameters with masked-language-model head and
        no pooler), ``computed`` (the same from V), ``agrees``, ``million`` (printed in prose; missing where it is not),
        ``rounds`` (whether it is the rounded count), ``encoder`` (computed, with pooler and no head).
    """
    table = table or load()
    rows = []
    for id in table:
        model = id.removeprefix("geotrend.").removesuffix(".tokens")
        if id != f"geotrend.{model}.tokens":
            continue
        tokens, printed = (table[f"geotrend.{model}.{what}"].value for what in ("tokens", "parameters"))
        sizes = replace(MBERT, vocabulary=tokens)
        computed = count(replace(sizes, pooler=False, head="mlm")).total
        million = table[f"geotrend.{model}.million"].value if f"geotrend.{model}.million" in table else None
        rows.append(
            {
                "model": model,
                "tokens": tokens,
                "printed": printed,
                "computed": computed,
                "agrees": computed == printed,
                "million": million,
                "rounds": None if million is None else round(computed / MILLION) == million,
                "encoder": count(sizes).total,
            }
        )
    return pd.DataFrame(rows)


def geotrend_sentence(found: pd.DataFrame) -> str:
    """Whether the released counts follow from their vocabularies.

    Args:
        found: from :func:`geotrend`.
    """
    millions = ", ".join(f"{value:.0f}" for value in found.million.dropna())
    return (
        f"Of {len(found)} released multilingual BERTs, {found.agrees.sum()} have the parameters that follow from their "
        f"vocabularies alone; {found.rounds.dropna().sum()} of the {found.rounds.count()} counts printed in millions "
        f"({millions}) are these, rounded."
    )


def sentence(bars: pd.DataFrame, orders: pd.DataFrame) -> str:
    """What the steps save together, and how far each bar depends on its place.

    Args:
        bars: from :func:`waterfall`.
        orders: from :func:`every_order`.
    """
    first, last = bars.iloc[0], bars.iloc[-1]
    moved = orders.loc[(orders["first"] - orders["last"]).idxmax()]
    most = orders.loc[orders["mean"].idxmax()]
    return (
        f"{first.step} has {first.parameters:,} parameters, what is left has {last.parameters:,} "
        f"({last.parameters / first.parameters:.1%}). What a step saves depends on its place: most with {moved.step}, "
        f"{moved['first'] / MILLION:.1f} million as the first step and {moved['last'] / MILLION:.1f} as the last. By "
        f"the mean over all orders {most.step} saves most ({most['mean'] / MILLION:.1f} million)."
    )


def _row(name: str, start: Sizes, before: Sizes, after: Sizes, formula: str) -> dict[str, Any]:
    left = count(after)
    saved = count(before).total - left.total
    shares = {"saved": saved, "share": saved / count(start).total, "formula": formula}
    bytes_left = left.nbytes()
    return {"step": name, "parameters": left.total, **shares, "fp32": bytes_left["fp32"], "int8": bytes_left["int8"]}


def _analytic(before: Sizes, after: Sizes) -> int:
    """What the one step between two encoders saves, by its formula."""
    v, p, t, h, f = before.vocabulary, before.positions, before.types, before.hidden, before.intermediate
    if after.vocabulary != v:
        return (v - after.vocabulary) * before.factor
    if after.embedding != before.embedding:
        e = after.embedding
        assert e is not None  # no step undoes a factorised embedding
        return (v + p + t + 2) * (h - e) - (e + 1) * h
    if after.share != before.share:
        return (before.layers - 1) * (4 * h**2 + 9 * h + 2 * h * f + f)
    return _body(before) - _body(after)


def _body(sizes: Sizes) -> int:
    """Everything whose size follows from the body: layers, pooler, and the embedding or the map from it."""
    h, f, e = sizes.hidden, sizes.intermediate, sizes.embedding
    layers = sizes.layers if sizes.share == "none" else 1
    rows = sizes.vocabulary + sizes.positions + sizes.types + 2
    layer = 4 * h**2 + 9 * h + 2 * h * f + f
    return layers * layer + sizes.pooler * (h**2 + h) + (rows * h if e is None else (e + 1) * h)
