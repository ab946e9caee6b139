"""The findings in Korean: the same numbers in the same formats as in :mod:`smallbert.report.front.english`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from smallbert.report.front import encoders_ko, narrowing_ko
from smallbert.report.front.answers import KNOWLEDGE, Frontier, Triples
from smallbert.report.front.encoders import Sharing, Students
from smallbert.report.front.names_ko import duration, name, source
from smallbert.report.front.narrowing import CORPUS, SCHEDULES, Articles, Floor, Schedules
from smallbert.report.front.phrases_ko import told
from smallbert.report.front.planned import SCALE, Planned
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking_ko import take
from smallbert.report.front.tasks import Tasks
from smallbert.studies.frontier_points import ALBERT, DEPTH, DISTIL, FRONTIER, TRANSFER

QUESTION = "다국어 BERT는 얼마나 작게 만들 수 있고, 그 대가는 무엇인가?"

QUESTIONS = {
    CORPUS: "무엇이 들어가고, 인코더는 그것을 무엇으로 바꾸는가?",
    DEPTH: "임베딩은 얼마나 좁힐 수 있고, 깊이는 선형의 한계를 넘는가?",
    SCHEDULES: "좁은 층이 어디에 놓이는지가 중요한가?",
    ALBERT: "매개변수는 어디에 있고, 분해와 공유는 무엇을 아끼고 무엇을 잃는가?",
    DISTIL: "교사는 작은 학생에게 무엇을 주는가?",
    TRANSFER: "BERT를 쓰는 과제에서 압축은 무엇을 잃게 하는가?",
    KNOWLEDGE: "어떤 인코더도 알 수 없는 것은 무엇이고, 지식 그래프를 넣으면 무엇이 더해지는가?",
    FRONTIER: "얼마나 작게, 그리고 어떤 대가로?",
    SCALE: "얼마나 빠르고, 글 백만, 1억, 10억 편에는 무엇이 드는가?",
}
"""The question of every page."""

CLAIMS = {
    "holds": "맞음",
    "does not hold": "맞지 않음",
    "cannot be told": "가릴 수 없음",
    "not measured in this edition": "이 판에서 재지 않음",
}


@singledispatch
def sentence(found: object) -> str:
    """The sentence of a finding of :mod:`smallbert.report.front.findings`, plain text in Korean."""
    raise TypeError(f"Expected a finding, got {found!r}.")


sentence.register(Articles, narrowing_ko.articles)
sentence.register(Floor, narrowing_ko.floor)
sentence.register(Schedules, narrowing_ko.schedules)
sentence.register(Sharing, encoders_ko.sharing)
sentence.register(Students, encoders_ko.students)
sentence.register(Tasks, encoders_ko.tasks)


@sentence.register
def _(found: Triples) -> str:
    return (
        "판의 글이 무엇이든 생성한 세계에서, 학습에서 보지 못한 대상을 물었습니다. "
        f"답이 적힌 문장을 함께 주면, 주지 않았을 때와 견주어 {told(found.text)}. "
        f"맞는 트리플을 주면, 틀린 트리플을 주었을 때와 견주어 {told(found.follows)}. 맞는 트리플 곁에 다른 "
        f"트리플을 두면, 그것만 주었을 때와 견주어 {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    counts = ", ".join(
        f"{word} {found.count(verdict):,}개{_looked_up(found, verdict)}"
        for verdict, word in CLAIMS.items()
        if found.count(verdict)
    )
    return f"{take(found)} 원래 글들의 주장 {len(found.claims):,}개에 대한 판정: {counts}."


def _looked_up(found: Frontier, verdict: str) -> str:
    count = found.by_source.get(verdict, 0)
    return f"(그 가운데 {count:,}개는 측정이 아니라 출처로 가림)" if count else ""


@sentence.register
def _(found: Planned) -> str:
    if found.plans:
        each = "; ".join(f"글 {plan.articles:,}편에 {duration(plan.time)}과 디스크 {plan.disk}" for plan in found.plans)
        said = f"적은 글에서 잰 속도가 그대로라면 이 판의 인코더는 {name(found.machine)}에서 다음만큼 듭니다: {each}."
    else:
        said = "이 판의 인코더가 읽는 속도를 재지 않아, 많은 글에 무엇이 드는지 말할 수 없습니다."
    return f"{said} {_benchmarks(found)}"


def _benchmarks(found: Planned) -> str:
    said = []
    for one in found.beside:
        ahead = f"{one.ahead:,}개입니다" if one.ahead else "없습니다"
        said.append(
            f"과제와 수 형식의 짝 {one.pairs:,}개 가운데, 수 형식이 같은 "
            f"{'단순한 PyTorch 반복문' if one.loop else '가장 빠른 다른 라이브러리'}보다 우리 것이 매번 더 빠른 것은 "
            f"{ahead}({one.least:.2f}배에서 {one.most:.2f}배){_others(one.behind)}"
        )
    if found.targets:
        reached = f"{found.reached:,}개에 이르렀습니다" if found.reached else "이른 것은 없습니다"
        said.append(f"견주는 쪽의 기본 설정을 기준으로 세운 목표 가운데 잰 것은 {found.targets:,}개이고, {reached}")
    if not said:
        return "벤치마크는 재지 않았습니다."
    return f"벤치마크는 저마다 정해 둔 인코더와 글로 잰 것입니다. {'. '.join(said)}."


def _others(pairs: Mapping[str, float]) -> str:
    return f", 아닌 것은 {', '.join(f'{name(task)}({times:.2f}배)' for task, times in pairs.items())}" if pairs else ""


def measured(found: Reference) -> str:
    """As :func:`smallbert.report.front.english.measured`."""
    texts = f"글 {found.rows:,}편({source(found.corpus)})과 " if found.rows else ""
    size = f", 매개변수 {found.parameters:,}개" if found.parameters else ""
    said = f"{texts}인코더 하나로 쟀습니다. 인코더: {source(found.encoder)}{size}."
    if not found.own:
        return f"{said} 다른 인코더에서는 다를 수 있습니다."
    released = f"(매개변수 {found.released:,}개)" if found.released else ""
    return f"{said} 공개된 다국어 BERT{released}로 잰 것이 아니며, 거기서는 다를 수 있습니다."
