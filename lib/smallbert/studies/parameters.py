"""What encoders are made of and what they cost: parameters by group, bytes and FLOPs, and what factorising saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from smallbert.models.flops import forward
from smallbert.models.parameters import break_even, count, factorised
from smallbert.models.sizes import Sizes
from smallbert.published import published

LENGTH = 128
"""Tokens at which costs are stated, as TinyBERT's and MiniLM's papers do."""


def by_group(encoders: Mapping[str, Sizes]) -> pd.DataFrame:
    """Parameters of each encoder by group, groups from input to output.

    Returns:
        Columns ``model``, ``group``, ``parameters`` and ``share`` (of the encoder's total).
    """
    rows = []
    for name, sizes in encoders.items():
        found = count(sizes)
        for group, parameters in found.by_group().items():
            share = parameters / found.total
            rows.append({"model": name, "group": group, "parameters": parameters, "share": share})
    return pd.DataFrame(rows)


def costs(encoders: Mapping[str, Sizes], length: int = LENGTH) -> pd.DataFrame:
    """Storage beside computation: sharing and factorising save the first, not the second.

    Args:
        encoders: by name; the first is what the others are compared with.
        length: tokens of the sequence.

    Returns:
        Columns ``model``, ``parameters``, ``fp32``, ``bf16``, ``int8`` (bytes), ``flops`` (of one forward of a
        sequence), ``parameters of first`` and ``flops of first`` (ratios).
    """
    rows = []
    for name, sizes in encoders.items():
        found = count(sizes)
        facts = {"model": name, "parameters": found.total} | found.nbytes()
        rows.append(facts | {"flops": forward(sizes, length).total})
    table = pd.DataFrame(rows)
    for column in ("parameters", "flops"):
        table[f"{column} of first"] = table[column] / table[column].iloc[0]
    return table


def worked_example() -> pd.DataFrame:
    """The published example of a factorised embedding, computed again.

    Returns:
        Columns ``what``, ``formula``, ``printed`` and ``computed``; nothing is printed for the break-even E.
    """
    v, h, e = (published(f"original.factorisation.{name}").value for name in ("vocabulary", "hidden", "embedding"))
    printed = {name: published(f"original.factorisation.{name}").value for name in ("plain", "factorised")}
    rows = [
        ("plain", f"{v:,} x {h:,}", printed["plain"], v * h),
        ("factorised", f"{v:,} x {e:,} + {e:,} x {h:,}", printed["factorised"], factorised(v, h, e)),
        ("factorised, with the map's bias", f"{v:,} x {e:,} + {e:,} x {h:,} + {h:,}", None,
         factorised(v, h, e, bias=True)),
        ("break-even E", f"{v:,} x {h:,} / ({v:,} + {h:,})", None, break_even(v, h)),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "formula", "printed", "computed"])


def savings(vocabularies: Mapping[str, int], hidden: Sequence[int], embeddings: Sequence[int]) -> pd.DataFrame:
    """What a factorised embedding saves over (V, H, E), the map's bias counted.

    Args:
        vocabularies: V by name.
        hidden: H.
        embeddings: E; values above an H are left out there.

    Returns:
        Columns ``vocabulary`` (name), ``V``, ``H``, ``E``, ``plain`` and ``factorised`` (parameters), ``saved``
        (share of the plain embedding, negative where factorising costs more) and ``break-even E``.
    """
    rows = []
    for name, v in vocabularies.items():
        for h in hidden:
            for e in embeddings:
                if e > h:
                    continue
                plain, split = v * h, factorised(v, h, e, bias=True)
                facts = {"vocabulary": name, "V": v, "H": h, "E": e, "plain": plain, "factorised": split}
                rows.append(facts | {"saved": 1 - split / plain, "break-even E": break_even(v, h)})
    return pd.DataFrame(rows)
