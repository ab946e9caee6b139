"""What a million, a hundred million, a billion articles cost: this edition's own rates put into closed formulas."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from smallbert import provenance, runtime
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.measure.planning import FORMULAS, Article, Machine, Plan, Rate, plan
from smallbert.models import encoder as encoders
from smallbert.models.presets import PRESETS
from smallbert.studies import benchmarks
from smallbert.studies.articles import draw
from smallbert.studies.facts import called, encoder_place, plain

CPU, GPU = "one CPU", "one GPU"

BENCHMARKED = "MiniLM as benchmarked"

MINILM_BYTES = 4.0 * PRESETS["sentence-transformers/all-MiniLM-L6-v2"].hidden
"""Of a vector by MiniLM in fp32, as page 1 stores vectors."""


def article(corpus: Corpus, store: EmbeddingStore) -> Article:
    """What an article of this edition is on average: tokens as counted by page 1, bytes as they lie on disk."""
    tokens = float(store.rows["n_tokens"].mean())
    vectors = sum((store.folder / shard.name).stat().st_size for shard in store.shards)
    return Article(tokens, corpus.manifest["bytes"] / corpus.rows, vectors / len(store))


def article_table(one: Article) -> pd.DataFrame:
    """The same as a table: ``what``, ``value``, ``unit``."""
    rows = [
        ("read by the encoder, after cutting", one.tokens, "tokens"),
        ("its row on disk, compressed", one.text_bytes, "bytes"),
        ("its vector on disk", one.vector_bytes, "bytes"),
    ]
    return pd.DataFrame(rows, columns=["of one article, on average", "value", "unit"])


def formulas(memory: str = "") -> pd.DataFrame:
    """How a plan follows from rates and prices: ``what``, ``formula``.

    Args:
        memory: what is known of its growth, from :func:`smallbert.studies.benchmarks_growth.embedding_memory`.
    """
    notes = {"memory": f" ({memory})"} if memory else {}
    rows = [(what, formula + notes.get(what, "")) for what, formula in FORMULAS.items()]
    return pd.DataFrame(rows, columns=["what", "formula"])


def rate(
    source: str, first: Mapping[str, Any], corpus: Corpus, *, texts: int, rounds: int, seed: int, device: str
) -> Rate:
    """Tokens a second of this edition's encoder on this machine, in the middle of several rounds: a short measurement.

    Args:
        source: ``pretrain`` for the encoder of page 1, ``minilm``, a folder or a hub id.
        first: values that page 1 recorded.
        corpus: whose test articles are read.
        texts: so many of them.
        rounds: timings, after one that is not counted.
        seed: of the draw.
        device: auto, cpu or cuda.
    """
    known = first["encoder"]
    loaded = encoders.load(
        encoder_place(source, first),
        pooling=known["pooling"],
        layer=known["layer"],
        max_tokens=known["max_tokens"],
        device=device,
    )
    read = draw(corpus, "test", texts, seed)[1]
    timings = []
    for _ in range(rounds + 1):
        began, used = time.perf_counter(), time.process_time()
        ids = loaded.tokenize(read)
        loaded.encode(ids)
        timings.append((time.perf_counter() - began, time.process_time() - used))
    seconds, used = sorted(timings[1:])[rounds // 2]  # of an even number the slower of the two
    here, on_gpu = provenance.machine(), loaded.device.type == "cuda"
    where = here["device"] if on_gpu else f"{here['processor']}, {here['cores']} cores"
    how = f"measured within page 9 on {len(read):,} articles, {'once' if rounds == 1 else f'median of {rounds} rounds'}"
    if not on_gpu:  # other work on the machine shows here, and in no other number of the page
        how += f", with {min(1.0, used / (seconds * here['cores'])):.0%} of the time of {here['cores']} cores"
    tokens = int(np.sum([len(one) for one in ids]))
    return Rate(tokens / seconds, float(runtime.peak_memory_bytes()), f"this edition's encoder, {where}", how)


def machines(own: Rate, records: list[dict[str, Any]], params: Any) -> list[Machine]:
    """The machines that are planned for: this one, a cluster of its kind, the benchmarks' CPU, a GPU.

    Args:
        own: this edition's rate.
        records: of the benchmarks, from :func:`smallbert.studies.benchmarks.read`.
        params: with ``cluster``, ``efficiency``, ``cpu_price``, ``gpu_price``, ``gpu_rate`` and ``device``.
    """
    on_gpu = runtime.device(params.device).type == "cuda"
    name, price = (GPU, params.gpu_price) if on_gpu else (CPU, params.cpu_price)
    found = [
        Machine(f"{name}, this edition's encoder", own, price),
        Machine(f"{params.cluster} such machines", own, price, params.cluster, params.efficiency),
    ]
    if measured := benchmarks.rate(records):
        found.append(Machine(f"{CPU}, {BENCHMARKED}", _benchmarked(measured), params.cpu_price))
    if params.gpu_rate:
        found.append(Machine(f"{GPU}, rate typed in", Rate(params.gpu_rate, origin="typed in"), params.gpu_price))
    elif measured := benchmarks.rate(records, gpu=True):
        found.append(Machine(f"{GPU}, {BENCHMARKED}", _benchmarked(measured), params.gpu_price))
    elif not on_gpu:
        found.append(Machine(GPU, Rate(None, origin="not measured"), params.gpu_price))
    return found


def _benchmarked(measured: Mapping[str, Any]) -> Rate:
    origin = f"{measured['variant']}, MiniLM, {measured['machine']}"
    return Rate(measured["a second"], None, origin, measured["how"], MINILM_BYTES)


def assumptions(params: Any) -> str:
    """The caption of the table of costs: what was assumed rather than measured.

    Args:
        params: as for :func:`machines`.
    """
    return (
        f"Assumed, to be replaced by your own: {params.cpu_price:g} for an hour of a CPU machine, {params.gpu_price:g} "
        f"for one of a GPU machine, in any currency; a cluster of {params.cluster} keeps {params.efficiency:.0%} of "
        "its machines' rates. Rate: tokens a second of one machine, measured on few articles and taken to hold for "
        "all. Memory: of each process, taken as the same for any number of articles. Disk: texts and vectors, those of "
        f"this edition's encoder, and MiniLM's ({MINILM_BYTES:,.0f} bytes an article) where it was benchmarked."
    )


def facts(one: Article) -> dict[str, float]:
    """An article as plain data, for the calculator of the explorer."""
    return {"tokens": one.tokens, "text_bytes": one.text_bytes, "vector_bytes": one.vector_bytes}


def plans(counts: Sequence[int], one: Article, chosen: Sequence[Machine]) -> list[Plan]:
    """Every number of articles on all machines."""
    return [plan(count, one, machine) for machine in chosen for count in counts]


def table(found: Sequence[Plan]) -> pd.DataFrame:
    """Plans as a table, with words for what is not measured.

    Returns:
        Columns ``machine``, ``articles``, ``rate`` (tokens a second of one machine), ``time``, ``memory`` (of each
        process), ``vectors`` and ``disk`` (bytes; vectors and texts), ``machine hours``, ``money`` and ``rate from``.
    """
    rows = []
    for one in found:
        tokens = one.machine.rate.tokens_per_second
        rows.append(
            {
                "machine": one.machine.name,
                "articles": one.articles,
                "rate": "not measured" if tokens is None else f"{tokens:,.0f}",
                "time": "not measured" if one.seconds is None else duration(one.seconds),
                "memory": "not measured" if one.peak_memory is None else size(one.peak_memory),
                "vectors": size(one.vector_bytes),
                "disk": size(one.disk_bytes),
                "machine hours": one.machine_hours,
                "money": one.money,
                "rate from": ", ".join(filter(None, (one.machine.rate.origin, one.machine.rate.how))),
            }
        )
    return pd.DataFrame(rows)


def numbers(found: Sequence[Plan]) -> pd.DataFrame:
    """Plans as numbers, for the figure: ``machine``, ``articles``, ``hours``, ``money``, ``gigabytes``."""
    rows = [
        {
            "machine": one.machine.name,
            "articles": one.articles,
            "hours": float("nan") if one.seconds is None else one.seconds / 3600,
            "money": float("nan") if one.money is None else one.money,
            "gigabytes": one.disk_bytes / 1e9,
        }
        for one in found
    ]
    return pd.DataFrame(rows)


def sentence(found: Sequence[Plan], encoder: str) -> str:
    """What the edition's own encoder would take, beside its benchmark where it has one, and what is not measured.

    Args:
        found: from :func:`plans`; the first machine's are told.
        encoder: the encoder's name.
    """
    first = [one for one in found if one.machine == found[0].machine]
    told = [
        f"{duration(one.seconds)} and {size(one.disk_bytes)} of disk ({size(one.vector_bytes)} of it vectors) for "
        f"{words(one.articles)} articles"
        for one in first
        if one.seconds is not None
    ]
    said = f"With {plain(encoder)} on {first[0].machine.name.split(',')[0]} "
    if told:
        rate = first[0].machine.rate
        known = filter(None, (f"{rate.tokens_per_second:,.0f} tokens a second", plain(rate.how)))
        said += f"it would take, if its rate ({', '.join(known)}) held, {'; '.join(told)}."
        if encoder.split("/")[-1] == called("minilm"):
            said += _beside(found)
    else:
        said += "no rate has been measured."
    if count := sum(one.articles for one in first):
        kept = size(sum(one.vector_bytes for one in first) / count)
        said += (
            f" A vector has {kept} as page 1 stores it; page 8 says what codes of fewer bytes "
            "keep, of a collection as small as it searches."
        )
    unknown = dict.fromkeys(one.machine.name for one in found if one.seconds is None)
    if unknown:
        said += f" Not measured, and so not told: {', '.join(unknown)}; a rate can be typed in."
    return said


def _beside(found: Sequence[Plan]) -> str:
    """The first plan as the benchmark of the same encoder has it, on the same kind of machine; empty without one."""
    kind, own = found[0].machine.name.split(",")[0], found[0].machine.rate
    for one in found:
        rate = one.machine.rate
        if one.machine.name == f"{kind}, {BENCHMARKED}" and one.seconds is not None:
            told = plain(", ".join(filter(None, (rate.origin, rate.how))))
            return (
                f" As benchmarked, it reads {rate.tokens_per_second:,.0f} tokens a second, not "
                f"{own.tokens_per_second:,.0f} ({told}): {duration(one.seconds)} for {words(one.articles)} articles."
            )
    return ""


def words(count: int) -> str:
    """A number of articles as one says it: ``1 million``, ``12,000``."""
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if count >= unit and count % (unit // 10) == 0:
            return f"{count / unit:g} {name}"
    return f"{count:,}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them: ``45 s``, ``12 min``, ``3.5 h``, ``12 days``, ``3.2 years``."""
    for unit, name in ((365.25 * 86400, "years"), (2 * 86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / (86400 if name == 'days' else unit):,.3g} {name}"
    return f"{seconds:,.2g} s"


def size(count: float) -> str:
    """Bytes in the unit that suits them, decimal: ``1.5 GB``."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:,.3g} {name}"
    return f"{count:,.0f} bytes"
