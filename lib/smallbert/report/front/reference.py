"""With what encoder and articles an edition measured everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smallbert.report.front.encoders import Sharing
from smallbert.report.front.narrowing import Articles
from smallbert.report.front.tasks import Tasks
from smallbert.studies.frontier_points import ALBERT, CORPUS, TRANSFER


@dataclass(frozen=True)
class Reference:
    """The encoder that an edition makes smaller.

    Args:
        encoder: its name.
        own: whether it was pretrained here.
        parameters: of it; 0 where page 6 has not run, as are the next two where pages 1 and 4 have not.
        rows: articles.
        released: parameters of multilingual BERT as released.
        corpus: name of the articles.
    """

    encoder: str
    own: bool
    parameters: int
    rows: int
    released: int
    corpus: str

    @classmethod
    def of(cls, run: Mapping[str, Any], found: Mapping[str, object]) -> Reference | None:
        """As the edition recorded it; None where it has no encoder.

        Args:
            run: its ``run.json``.
            found: from :func:`smallbert.report.front.findings.collect`.
        """
        if not (name := (run.get("encoder") or {}).get("name")):
            return None
        own = any(stage["parameters"].get("encoder") == "pretrain" for stage in run["stages"].values())
        articles, sharing, tasks = found.get(CORPUS), found.get(ALBERT), found.get(TRANSFER)
        return cls(
            name,
            own,
            tasks.reference if isinstance(tasks, Tasks) else 0,
            articles.rows if isinstance(articles, Articles) else 0,
            sharing.parameters if isinstance(sharing, Sharing) else 0,
            (run.get("corpus") or {}).get("name", ""),
        )
