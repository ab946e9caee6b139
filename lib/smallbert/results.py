"""The only writer and reader of results: tables as CSV, and the values that prose is made of."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.storage import read_json, write_json, write_text


class Results:
    """What one stage (notebook) of one edition has found, under ``data/results/EDITION/STAGE``.

    Args:
        edition: the edition's folders.
        stage: stem of the notebook, such as ``02_autoencoder_depth``.
    """

    def __init__(self, edition: Edition, stage: str) -> None:
        self.edition, self.stage = edition, stage
        self._folder = edition.results / stage

    def of(self, stage: str) -> Results:
        """The results of another stage of the same edition."""
        return Results(self.edition, stage)

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write ``frame`` as ``NAME.csv``, floats in their shortest exact form, without its index."""
        write_text(self._folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))

    def table(self, name: str) -> pd.DataFrame:
        """Read the table ``name``.

        Raises:
            DataError: this stage has not written it.
        """
        path = self._folder / f"{name}.csv"
        if not path.exists():
            raise DataError(f"Expected the table {path}.", f"Run notebook {self.stage} for this edition first.")
        return pd.read_csv(path, keep_default_na=False, na_values=[""])

    def record(self, **values: Any) -> None:
        """Add values (numbers, text, plain dicts and lists) to this stage's ``values.json``."""
        path = self._folder / "values.json"
        known = read_json(path) if path.exists() else {}
        write_json(path, {**known, **values})

    def values(self) -> dict[str, Any]:
        """All values this stage has recorded.

        Raises:
            DataError: the stage has recorded none.
        """
        path = self._folder / "values.json"
        if not path.exists():
            raise DataError(f"Expected the values {path}.", f"Run notebook {self.stage} for this edition first.")
        return read_json(path)
