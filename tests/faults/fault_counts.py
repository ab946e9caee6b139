"""How many rows a file has, by a count of our own that no reader shares."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pyarrow.parquet as pq

Count = Callable[[bytes], int | None]


def lines(content: bytes) -> list[str]:
    """Lines of a text file as every reader of ours splits them."""
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", "surrogateescape", newline="")
    return [line.rstrip("\r\n") for line in text]


def lines_below_a_header(content: bytes) -> int:
    return sum(line != "" for line in lines(content)) - 1


def lines_of_json(content: bytes) -> int:
    return sum(not line.isspace() and line != "" for line in lines(content))


def sentences(mark: str) -> Count:
    def count(content: bytes) -> int:
        found, inside = 0, False
        for line in lines(content):
            if not line:
                inside = False
            elif not line.startswith(mark) and not inside:
                inside = True
                found += 1
        return found

    return count


def rows_of_parquet(content: bytes) -> int:
    with pq.ParquetFile(io.BytesIO(content)) as file:
        return file.metadata.num_rows


def entries(content: bytes) -> int:
    return len(json.loads(content.decode("utf-8-sig")))


def questions(content: bytes) -> int:
    articles = json.loads(content.decode("utf-8-sig"))["data"]
    return sum(len(paragraph["qas"]) for article in articles for paragraph in article["paragraphs"])
