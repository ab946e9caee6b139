"""The ledger: every parameter count a paper prints, beside what its configuration gives when it is built.

A printed count seldom says whether pooler and heads are in it, so each row is compared with every layout the released
model has; the nearest is the row's count, and the ledger says which of them round to what is printed. ALBERT's released
code gives positions the width E; what width H would give stands beside it, because it explains printed counts that
the released layout does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from smallbert.errors import DataError
from smallbert.models.parameters import count
from smallbert.models.presets import ALBERT_BASE, BERT_BASE, BERT_LARGE, PRESETS
from smallbert.models.sizes import Head, Sharing, Sizes
from smallbert.published import Published, load

MILLION = 10**6

_MODES: dict[str, Sharing] = {
    "all_shared": "all",
    "shared_attention": "attention",
    "shared_ffn": "ffn",
    "not_shared": "none",
}


@dataclass(frozen=True)
class Row:
    """One printed count.

    Args:
        model: what the row is of.
        sizes: of the model, as released.
        part: what is counted: everything, the stack of layers, or the word embeddings.
        slip: the printed count is known not to follow from the sizes.
    """

    model: str
    sizes: Sizes
    part: Literal["total", "layers", "words"] = "total"
    slip: bool = False


def _albert(hidden: int, layers: int, **others: Any) -> Sizes:
    """An ALBERT of the paper: heads of 64, feed-forward of 4 H."""
    return replace(ALBERT_BASE, hidden=hidden, layers=layers, heads=hidden // 64, intermediate=4 * hidden, **others)


def _albert_rows() -> dict[str, Row]:
    xxlarge = _albert(4096, 12)
    rows = {
        "albert.table1.bert_base": Row("BERT base, 30,000 tokens", replace(BERT_BASE, vocabulary=30000)),
        "albert.table1.bert_large": Row("BERT large, 30,000 tokens", replace(BERT_LARGE, vocabulary=30000)),
        "albert.table1.base": Row("ALBERT base", _albert(768, 12)),
        "albert.table1.large": Row("ALBERT large", _albert(1024, 24)),
        "albert.table1.xlarge": Row("ALBERT xlarge", _albert(2048, 24)),
        "albert.table1.xxlarge": Row("ALBERT xxlarge", xxlarge, slip=True),
        "albert.section3.xxlarge": Row("ALBERT xxlarge", xxlarge, slip=True),
    }
    for mode in ("not_shared", "all_shared"):
        for width in (64, 128, 256, 768):
            rows[f"albert.table3.{mode}_{width}"] = _base(width, mode)
    for width in (768, 128):
        for mode in _MODES:
            rows[f"albert.table4.{mode}_{width}"] = _base(width, mode)
    rows["albert.table11"] = Row("ALBERT large, any depth", _albert(1024, 24))
    for hidden in (1024, 2048, 4096, 6144):
        sizes = _albert(hidden, 3)
        rows[f"albert.table12.hidden_{hidden}"] = Row(f"ALBERT, 3 layers, H = {hidden}", sizes, slip=hidden > 2048)
    return rows


def _base(width: int, mode: str) -> Row:
    """An ALBERT base of Tables 3 and 4; at E = H it is a BERT without a factor map."""
    sizes = replace(ALBERT_BASE, embedding=None if width == ALBERT_BASE.hidden else width, share=_MODES[mode])
    return Row(f"ALBERT base, {mode.replace('_', '-')}, E = {width}", sizes)


def _other_rows() -> dict[str, Row]:
    mbert = PRESETS["google-bert/bert-base-multilingual-cased"]
    mminilm = PRESETS["microsoft/Multilingual-MiniLM-L12-H384"]
    tinybert4 = PRESETS["huawei-noah/TinyBERT_General_4L_312D"]
    six = replace(BERT_BASE, layers=6)
    small = replace(BERT_BASE, layers=4, hidden=512, heads=8, intermediate=2048)
    return {
        "bert.base": Row("BERT base", BERT_BASE),
        "bert.large": Row("BERT large", BERT_LARGE, slip=True),
        "mbert.parameters_printed": Row("mBERT", mbert, slip=True),
        "distilmbert.teacher_parameters": Row("mBERT", mbert),
        "mminilm.teacher_transformer_parameters": Row("mBERT and XLM-R base, layers", mbert, part="layers"),
        "xlmr.base": Row("XLM-R base", PRESETS["FacebookAI/xlm-roberta-base"], slip=True),
        "gpt": Row("GPT-1", replace(PRESETS["openai-community/openai-gpt"], head="lm")),
        "distilbert": Row("DistilBERT", PRESETS["distilbert/distilbert-base-uncased"]),
        "distilmbert": Row("DistilmBERT", PRESETS["distilbert/distilbert-base-multilingual-cased"]),
        "tinybert.table1.teacher": Row("BERT base", BERT_BASE),
        "tinybert.table1.bert_tiny": Row("BERT tiny, 4 layers, H = 312", tinybert4),
        "tinybert.table1.bert_small": Row("BERT small, 4 layers, H = 512", small, slip=True),
        "tinybert.table1.bert4_pkd": Row("BERT, 4 layers", replace(BERT_BASE, layers=4)),
        "tinybert.table1.tinybert4": Row("TinyBERT4", tinybert4),
        "tinybert.table1.distilbert6": Row("DistilBERT6", six),
        "tinybert.table1.tinybert6": Row("TinyBERT6", six),
        "minilm.bert_base": Row("BERT base", BERT_BASE),
        "minilm.l12_h384": Row("MiniLM, 12 layers, H = 384", PRESETS["microsoft/MiniLM-L12-H384-uncased"]),
        "minilm.l6_h384": Row("MiniLM, 6 layers, H = 384", PRESETS["nreimers/MiniLM-L6-H384-uncased"]),
        "minilm.l6_h768": Row("MiniLM, 6 layers, H = 768", six),
        "mminilm.transformer_parameters": Row("mMiniLM, layers", mminilm, part="layers"),
        "mminilm.embedding_parameters": Row("mMiniLM, word embeddings", mminilm, part="words"),
    }


def _rows() -> dict[str, Row]:
    rows = _albert_rows() | _other_rows()
    return {id if "parameters" in id else f"{id}.parameters": row for id, row in rows.items()}


ROWS: dict[str, Row] = _rows()
"""Every row of the ledger by the id of its printed count."""


def layouts(row: Row, *, wide_positions: bool = False) -> dict[str, int]:
    """Counts of the layouts that a printed number may mean, by name: with pooler, the bare encoder, with heads.

    Args:
        row: of the ledger.
        wide_positions: give positions the width H, as no released model with E below H has them.
    """
    sizes = replace(row.sizes, position_width=row.sizes.hidden if wide_positions else row.sizes.position_width)
    bare = replace(sizes, pooler=False, head="none")
    if row.part != "total":
        return {row.part: getattr(count(bare), row.part)}
    found = {"bare encoder": count(bare).total}
    head: Head = "mlm" if sizes.head == "none" else sizes.head
    if sizes.pooler:
        found = {"with pooler": count(replace(bare, pooler=True)).total} | found
        head = "pretraining"
    return found | {"with heads": count(replace(sizes, head=head)).total}


def ledger(table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """Printed against built, one row a printed count.

    Args:
        table: printed counts by id; the project's own by default.

    Returns:
        Columns ``id``, ``model``, ``where``; ``printed`` and ``built`` (million parameters); ``layout``, which layout
        ``built`` is of: one that rounds to what is printed, else the nearest; ``difference`` (built less printed);
        ``digit``, one unit of the last printed digit; ``agrees``: a released layout rounds to what is printed;
        ``agrees wide``: one with positions of width H would (empty where E is H); ``bare encoder``, ``with pooler`` and
        ``with heads`` (parameters); ``explanation``; ``slip``.
    """
    table = table or load()
    return pd.DataFrame([_line(row, table[id]) for id, row in ROWS.items()])


def check(table: pd.DataFrame) -> None:
    """Hold the ledger to what is known: a row is within one unit of its last printed digit, or is a known slip.

    Args:
        table: from :func:`ledger`.

    Raises:
        DataError: a row that is no known slip is further off, or a known slip agrees.
    """
    for row in table.to_dict("records"):
        said = f"{row['model']} ({row['id']}), printed {row['printed']:g} million, built {row['built']:.2f}"
        if row["slip"] and row["agrees"]:
            raise DataError(f"Expected a known slip, but this count agrees: {said}.", "Drop its mark in the ledger.")
        if not row["slip"] and abs(row["difference"]) >= row["digit"]:
            raise DataError(f"Expected a count within {row['digit']:g} million of what is printed: {said}.")


def summary(table: pd.DataFrame) -> str:
    """One paragraph on :func:`ledger`'s table, computed from it."""
    agree, slips, close = table[table.agrees], table[table.slip], table[~table.agrees & ~table.slip]
    factorised = table[table["agrees wide"].notna()]
    worst = table.loc[(table.difference / table.printed).abs().idxmax()]
    return (
        f"Of {len(table)} printed counts, {len(agree)} are what rounding gives for some layout of the released model: "
        f"{agree.layout.eq('with pooler').sum()} with pooler, {agree.layout.eq('with heads').sum()} only with heads, "
        f"the others without. {len(close)} more are within their last digit, and {len(slips)} do not follow from the "
        f"model. Of the {len(factorised)} with E below H, {factorised.agrees.sum()} round as released and "
        f"{factorised['agrees wide'].sum()} would with positions of width H (an inference: no source says so). "
        f"The furthest off is {worst.model}: printed {worst.printed:g} million, built {worst.built:.1f}."
    )


def sharing_counts(table: pd.DataFrame) -> pd.DataFrame:
    """ALBERT's Table 4 from :func:`ledger`'s table: eight ways to share.

    Returns:
        Columns ``E``, ``shared``, ``printed``, ``built``, ``difference`` (million parameters), ``layout``,
        ``agrees``, and ``saved``, the share of the unshared encoder with pooler that sharing saves.
    """
    rows = []
    for row in table[table.id.str.startswith("albert.table4.")].to_dict("records"):
        sizes = ROWS[row["id"]].sizes
        whole = count(replace(sizes, share="none")).total
        kept = {key: row[key] for key in ("printed", "built", "difference", "layout", "agrees")}
        rows.append({"E": sizes.factor, "shared": sizes.share} | kept | {"saved": 1 - count(sizes).total / whole})
    return pd.DataFrame(rows)


def place(entry: Published) -> str:
    """Where a published number stands, short: first author and year, or the repository, and the place in it."""
    source, _, year = entry.source.partition(" (")
    if " on " in source:
        return f"{source.split(' on ')[0]}, {entry.where}"
    return f"{source.split(',')[0].removesuffix(' et al.')} et al. ({year[:4]}), {entry.where}"


def _line(row: Row, entry: Published) -> dict[str, object]:
    found = layouts(row)
    digit = 10.0 ** -len(repr(entry.value).partition(".")[2])  # 1 for 108, 0.1 for 67.0
    agreeing = _agreeing(found, entry.value, digit)
    chosen = agreeing[0] if agreeing else min(found, key=lambda name: abs(found[name] - entry.value * MILLION))
    factorised = row.sizes.factor < row.sizes.hidden
    wide = _agreeing(layouts(row, wide_positions=True), entry.value, digit) if factorised else []
    return {
        "id": entry.id,
        "model": row.model,
        "where": place(entry),
        "printed": entry.value,
        "built": found[chosen] / MILLION,
        "layout": chosen,
        "difference": found[chosen] / MILLION - entry.value,
        "digit": digit,
        "agrees": bool(agreeing),
        "agrees wide": bool(wide) if factorised else None,
        **{name: found.get(name) for name in ("bare encoder", "with pooler", "with heads")},
        "explanation": " ".join(filter(None, [_finding(agreeing, wide, len(found)), entry.note])),
        "slip": row.slip,
    }


def _agreeing(found: Mapping[str, int], printed: float, digit: float) -> list[str]:
    """Names of the counts that round to what is printed."""
    return [name for name, parameters in found.items() if abs(parameters / MILLION - printed) <= digit / 2]


def _finding(agreeing: list[str], wide: list[str], tried: int) -> str:
    if not agreeing and wide:
        return "No released layout rounds to it; with positions of width H it does (inference)."
    if not agreeing:
        return "No layout rounds to it."
    return "" if len(agreeing) == tried else f"Rounds to it: {', '.join(agreeing)}."
