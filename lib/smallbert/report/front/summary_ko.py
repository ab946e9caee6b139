"""The Korean summary of an edition (요약): question, answers, one figure, one table, limits, all from its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.report.front import korean
from smallbert.report.front.answers import KNOWLEDGE, Frontier, Need
from smallbert.report.front.findings import Finding
from smallbert.report.front.names_ko import cost, name, source
from smallbert.report.front.planned import SCALE
from smallbert.report.front.taking_ko import condition, kept_whole, need, unjudged, why
from smallbert.results import Results
from smallbert.studies.facts import PRETRAIN
from smallbert.studies.frontier_points import FRONTIER, figure_data

_WORLD = "world"
"""The generated graph, as page 7's parameter calls it."""


@dataclass(frozen=True)
class Row:
    """One need of the table, in Korean; ``why`` as in :class:`smallbert.report.front.answers.Need`."""

    need: str
    take: str
    cost: str
    kept: str
    command: str
    why: str


@dataclass(frozen=True)
class Summary:
    """What the page says.

    Args:
        answers: number and stem of each page that has finished, its question and its answer.
        drawn: what the figure shows, for readers who cannot see it; empty where there is none.
        needs: what to take for usual needs.
        keep: the share that has to be kept for sure, such as ``95%``.
        unjudged: which measures could not count there; empty where all do.
        limits: what must not be read into the numbers.
        others: number, stem and title of finished pages without an answer in Korean.
    """

    answers: list[tuple[int, str, str, str]]
    drawn: str
    needs: list[Row]
    keep: str
    unjudged: str
    limits: list[str]
    others: list[tuple[int, str, str]]


def summary(
    edition: Edition, found: Mapping[str, Finding], run: Mapping[str, Any], titles: Mapping[str, str]
) -> Summary:
    """The page's content.

    Args:
        edition: its folders; the figure's numbers are read there.
        found: from :func:`smallbert.report.front.findings.collect`.
        run: the edition's ``run.json``.
        titles: every page of the report, finished or not, by stem, in order.
    """
    last = found.get(FRONTIER)
    frontier = last if isinstance(last, Frontier) else None
    return Summary(
        answers=[(_number(stem), stem, korean.QUESTIONS[stem], korean.sentence(one)) for stem, one in found.items()],
        drawn=_drawn(edition),
        needs=[_row(one) for one in frontier.needs] if frontier else [],
        keep=frontier.keep if frontier else "",
        unjudged=unjudged(frontier) if frontier else "",
        limits=_limits(run, [_number(stem) for stem in titles if stem not in run["stages"]]),
        others=[(_number(stem), stem, titles[stem]) for stem in titles if stem in run["stages"] and stem not in found],
    )


def _number(stem: str) -> int:
    return int(stem.partition("_")[0])


def _row(one: Need) -> Row:
    reason = why(one.why) if one.why else ""
    if not one.cost:
        return Row(need(one), kept_whole(one.take), "–", "–", "", reason)
    return Row(need(one), name(one.take) + condition(one), cost(one.cost), f"{one.kept:.0%}", one.command, reason)


def _drawn(edition: Edition) -> str:
    """Page 8's key figure in words, from its numbers."""
    try:
        points = figure_data(Results(edition, FRONTIER), "frontier_megabytes")
    except DataError:
        return ""
    said = []
    for measure, part in points[points.front.astype(bool)].groupby("measure", sort=False):
        best = part.sort_values("megabytes").drop_duplicates("name")
        told = ", ".join(f"{name(row['name'])} {row['kept']:.0%}" for row in best.to_dict("records"))
        said.append(f"{name(str(measure))}: {told}")
    if not said:
        return ""
    return f"가중치의 크기(MB)와 지킨 품질. 작은 것부터, 평균으로 더 나은 것이 없는 점들. {'; '.join(said)}."


def _limits(run: Mapping[str, Any], missing: Sequence[int]) -> list[str]:
    """Only what is true of this edition."""
    corpus, encoder = run.get("corpus") or {}, run.get("encoder") or {}
    stages = {stem: stage["parameters"] for stem, stage in run["stages"].items()}
    seeds = sorted({known["seeds"] for known in stages.values() if "seeds" in known})
    said = [
        "여기 적은 수는 이 판의 말뭉치와 인코더에서 잰 것입니다. 다른 자료나 다른 인코더에서도 같으리라는 뜻이 "
        f"아닙니다.{_other(stages)}",
        "“차이가 드러나지 않았다”는 “차이가 없다”와 다릅니다. 되풀이가 적으면 작은 차이는 드러나지 않습니다.",
    ]
    if corpus.get("generated"):
        said.append("말뭉치는 답을 미리 아는 상태로 만들어 낸 글입니다. 실제 뉴스의 어려움을 모두 담지는 않습니다.")
    if any(known.get("encoder") == PRETRAIN for known in stages.values()):
        told = source(encoder.get("name", "이름 없음"))
        said.append(f"기준이 되는 인코더는 {told}이며, 공개된 큰 모델이 아닙니다.")
    if seeds:
        many = f"{seeds[0]}회" if len(seeds) == 1 else f"{seeds[0]}~{seeds[-1]}회"
        said.append(f"학습은 쪽마다 시드를 바꾸어 {many} 되풀이했습니다. 대괄호는 95% 구간입니다.")
    said.append("시간은 잰 기계에서만 뜻이 있습니다.")
    if missing:
        said.append(
            f"이 판에는 {', '.join(map(str, missing))}쪽이 없습니다. 아직 돌리지 않았거나, 실패했거나, 다른 쪽의 "
            "앞선 실행에 기댄 쪽입니다."
        )
    return said


def _other(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """What was not measured on the edition's own articles, or not with its own encoder."""
    said = []
    if (asked := stages.get(KNOWLEDGE)) is not None:
        given = {one: Path(str(asked.get(one, ""))).name for one in ("reader", "graph")}  # or a folder of one's own
        reader = "이 판의 인코더" if given["reader"] == PRETRAIN else given["reader"]
        graph = "생성한 세계의 것" if given["graph"] == _WORLD else given["graph"]
        said.append(
            f" 다만 7쪽의 질문은 어느 판에서나 생성한 세계의 것이고, 그 쪽에서 답하는 모델은 {reader}, 마지막 절의 "
            f"지식 그래프는 {graph}입니다."
        )
    if SCALE in stages:
        said.append(" 9쪽의 벤치마크는 이 판의 글이나 인코더로 잰 것이 아닙니다.")
    return "".join(said)
