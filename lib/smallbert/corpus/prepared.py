"""A prepared corpus on disk: rows with their splits, and a manifest that says where they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smallbert.corpus.rows import COLUMNS, SCHEMA
from smallbert.errors import DataError, UsageError
from smallbert.storage import read_json

SPLITS = ("train", "validation", "test")
PREPARED = SCHEMA.append(pa.field("split", pa.string(), nullable=False))
"""Schema of ``rows.parquet``."""

ROWS, MANIFEST = "rows.parquet", "manifest.json"
METADATA = ("id", "lang", "topic", "group", "split")
"""Columns without the text."""

_SPREAD = 1.1
"""A split's rows are drawn one by one: how many more rows in all it takes so that few draws fall short."""

_FACTS = {"key": str, "rows": int, "bytes": int, "counts": dict, "duplicates": dict, "sampled": int}


def _is_manifest(value: Any) -> bool:
    """Whether a manifest has what is asked of it here."""
    if not isinstance(value, dict) or not all(isinstance(value.get(name), kind) for name, kind in _FACTS.items()):
        return False
    reading = value.get("reading", ...)  # None of generated rows, never absent
    read = reading is None or (isinstance(reading, dict) and {"rows", "counts"} <= reading.keys())
    return read and {"split", "language", "topic"} <= value["counts"].keys()


@dataclass(frozen=True)
class Corpus:
    """A finished corpus; :meth:`open` reads one, :func:`smallbert.corpus.prepare.prepare` makes one.

    Args:
        folder: holds ``rows.parquet`` and ``manifest.json``.
        manifest: the latter's content.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Open a finished corpus.

        Raises:
            DataError: the folder holds none, or its rows are not those of the manifest.
        """
        folder = Path(folder)
        if not (folder / MANIFEST).is_file():
            raise DataError(f"Expected a prepared corpus in {folder}, found no {MANIFEST}.", "Prepare it again.")
        manifest = read_json(folder / MANIFEST)
        if not _is_manifest(manifest):
            raise DataError(f"{folder / MANIFEST} is no manifest of ours.", "Delete the folder and prepare it again.")
        path = folder / ROWS
        size = path.stat().st_size if path.is_file() else 0
        if size != manifest["bytes"]:
            raise DataError(
                f"{path}: expected {manifest['bytes']:,} bytes, found {size:,}.", "Delete it and prepare it again."
            )
        return cls(folder, manifest)

    @property
    def key(self) -> str:
        """Digest of all rows in their order and of their splits.

        Equal for the same request on the same stream. Rows that were drawn from more, or left when copies went, may
        have another key where the same rows came alone or in other batches: it is fed in the pieces that the second
        pass reads, and those count the rows that left too.
        """
        return self.manifest["key"]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.manifest["rows"]

    @property
    def counts(self) -> dict[str, Any]:
        """Rows by ``split``, by ``language`` (and split in it) and by ``topic``."""
        return self.manifest["counts"]

    @property
    def languages(self) -> list[str]:
        """Language codes, the one with the most rows first."""
        return list(self.counts["language"])

    def summary(self) -> str:
        """What became of the rows: ``40 rows read, 2 unusable, 3 duplicates removed, 35 kept``.

        Of generated rows only the last two are known; how many were drawn is told where not all were.
        """
        reading, removed = self.manifest["reading"], self.manifest["duplicates"]
        duplicates = sum(sum(count.values()) for count in removed.values() if isinstance(count, dict))
        told = []
        if reading:
            bad = sum(reading["counts"].values())
            told += [f"{reading['rows']:,} rows read", f"{bad:,} unusable"]
            if self.manifest["sampled"] < reading["rows"] - bad:
                told.append(f"{self.manifest['sampled']:,} drawn")
        return ", ".join([*told, f"{duplicates:,} duplicates removed", f"{self.rows:,} kept"])

    def require(self, least: Mapping[str, int]) -> None:
        """Refuse a corpus that is too small for what is to come.

        Args:
            least: rows that splits need, by the split's name.

        Raises:
            DataError: a split has fewer. The next step is told: other shares where all rows together suffice, else
                about how many distinct rows do with shares as they are.
        """
        has, request = self.counts["split"], self.manifest["request"]
        if all(has[split] >= rows for split, rows in least.items()):
            return
        shares = {split: request[f"{split}_fraction"] for split in ("validation", "test")}
        told = " and ".join(f"{split}_fraction={share:g}" for split, share in shares.items())
        shares["train"] = 1 - sum(shares.values())
        if self.rows >= _SPREAD * sum(least.values()) or not all(shares[split] for split in least):
            hint = f"Move articles from one split to another: now {told}."
        else:
            needed = _SPREAD * max(rows / shares[split] for split, rows in least.items())
            hint = (
                f"Take more articles: with {told} about {math.ceil(needed / 10) * 10:,} are enough, copies not counted."
            )
        raise DataError(
            f"Expected at least {' / '.join(f'{rows:,}' for rows in least.values())} articles in {' / '.join(least)}, "
            f"got {' / '.join(f'{has[split]:,}' for split in least)}.",
            hint,
        )

    def batches(
        self, columns: Sequence[str] | None = None, rows: int = 4096, *, split: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows in their order.

        Args:
            columns: any of the row columns and ``split``; all by default.
            rows: the most rows of a batch.
            split: only this one; batches are then shorter.

        Raises:
            UsageError: an unknown column or split.
        """
        wanted = self._known(columns if columns is not None else PREPARED.names)
        if split is not None and split not in SPLITS:
            raise UsageError(f"Expected a split of {', '.join(SPLITS)}, got {split!r}.")
        return self._batches(wanted, rows, split)

    def _batches(self, wanted: list[str], rows: int, split: str | None) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.folder / ROWS, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, columns=list(dict.fromkeys([*wanted, "split"]))):
                if split is not None:
                    batch = batch.filter(pc.equal(batch["split"], split))
                if batch.num_rows:
                    yield batch.select(wanted)

    def frame(self, columns: Sequence[str] = METADATA) -> pd.DataFrame:
        """Rows as a frame; without the text unless asked for."""
        return pq.read_table(self.folder / ROWS, columns=self._known(columns)).to_pandas()

    @staticmethod
    def _known(columns: Sequence[str]) -> list[str]:
        unknown = [name for name in columns if name not in PREPARED.names]
        if unknown:
            raise UsageError(f"Expected columns among {', '.join((*COLUMNS, 'split'))}, got {unknown[0]!r}.")
        return list(columns)
