"""Data sets in the hub's format, from the hub or a local folder, through ``datasets`` (extra ``hub``).

Streamed: nothing is downloaded or converted as a whole. Scripts inside a data set are never run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from smallbert.corpus.readers import BATCH, Cells, Table, from_arrow
from smallbert.corpus.tally import BadRow
from smallbert.errors import DataError, MachineError

PREFIX = "hub:"
_SAVED = ("dataset_dict.json", "state.json")


def is_saved(folder: Path) -> bool:
    """Whether ``folder`` was written by ``datasets`` (``save_to_disk``)."""
    return any((folder / name).is_file() for name in _SAVED)


def local(name: str, base: Path = Path()) -> Path | None:
    """The folder of ``hub:FOLDER``, relative to ``base``; None where ``name`` is anything else."""
    if not name.startswith(PREFIX):
        return None
    folder = base / os.path.expanduser(name.removeprefix(PREFIX).split(":")[0])
    return folder if os.path.isdir(folder) else None  # so, too, for a name that no folder can have


def located(name: str, base: Path) -> str:
    """``hub:FOLDER`` with its folder, relative to ``base``, made absolute; any other name as it is."""
    folder = local(name, base)
    rest = name.removeprefix(PREFIX).partition(":")[1:]
    return f"{PREFIX}{folder.resolve()}{''.join(rest)}" if folder else name


def is_remote(name: str) -> bool:
    """Whether ``name`` is a data set on the hub rather than a folder here."""
    return name.startswith(PREFIX) and local(name) is None


def splits(name: str) -> list[tuple[str, Any]]:
    """The splits of a data set, in its own order.

    Args:
        name: ``hub:OWNER/NAME[:CONFIG][:SPLIT]``, or ``hub:FOLDER[:CONFIG][:SPLIT]`` for a local
            folder (saved by ``save_to_disk``, or data files with a README that describes them).

    Returns:
        (split name, iterable data set) pairs; the rows are not read yet.

    Raises:
        MachineError: ``datasets`` is not installed, or the hub cannot be reached.
        DataError: no such data set, configuration or split.
    """
    try:
        import datasets
    except ImportError as error:
        raise MachineError(
            "Reading a hub data set needs the package datasets.", "Install it: pip install 'smallbert[hub]'."
        ) from error
    path, config, split = (*name.removeprefix(PREFIX).split(":"), "", "")[:3]
    try:
        if is_saved(Path(path)):
            config, split = "", split or config
            loaded = datasets.load_from_disk(path)
        else:
            loaded = datasets.load_dataset(path, config or None, streaming=True)
    except ConnectionError as error:  # offline mode too
        raise MachineError(
            f"The hub, or an answer of it about {path!r}, cannot be reached from here.",
            f"Without network: copy the data set's folder here and name it {PREFIX}FOLDER.",
        ) from error
    except Exception as error:  # the library raises its own, requests' and fsspec's errors alike
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"Expected a data set at {name!r}: {reason}", "The form is hub:OWNER/NAME[:CONFIG][:SPLIT]."
        ) from error
    found = dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "all"): loaded}
    if split and split not in found:
        raise DataError(f"{name}: expected the split {split!r}; it has {', '.join(found)}.")
    return [(split, found[split])] if split else list(found.items())


@contextmanager
def open_split(data: Any) -> Iterator[Table]:
    """One split as a table; class labels become their names."""
    features = data.features or {}
    columns = list(features) or list(next(iter(data), {}))
    names = {key: value.names for key, value in features.items() if hasattr(value, "int2str")}

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, Cells | BadRow]]:
        picked = data.select_columns(list(wanted)).with_format("arrow")
        return from_arrow((_named(table, names) for table in picked.iter(BATCH)), wanted)

    yield Table(columns, rows, "row ", lambda: 0)


def _named(table: pa.Table, names: dict[str, list[str]]) -> pa.Table:
    """Replace the numbers of class labels by their names; -1 means no label."""
    for key in set(names).intersection(table.column_names):
        labels = [names[key][i] if i is not None and i >= 0 else None for i in table[key].to_pylist()]
        table = table.set_column(table.column_names.index(key), key, pa.array(labels, pa.string()))
    return table
