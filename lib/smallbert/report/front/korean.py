"""The findings in Korean: the same numbers in the same formats as in :mod:`smallbert.report.front.english`."""

from __future__ import annotations

import re
from functools import singledispatch
from math import isinf

from smallbert.report.front.encoders import KNOWLEDGE, Frontier, Kept, Sharing, Students, Tasks, Triples
from smallbert.report.front.english import change, percent
from smallbert.report.front.narrowing import CORPUS, SCHEDULES, Articles, Floor, Schedules
from smallbert.report.front.tally import Tally
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
}
"""The question of every page."""

NEEDS = {
    "The smallest index": "가장 작은 색인",
    "The fastest service on a CPU": "CPU에서 가장 빠른 서비스",
    "The smallest download": "가장 작은 내려받기 파일",
}

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


@sentence.register
def _(found: Articles) -> str:
    return (
        f"글 {found.rows:,}편({found.languages:,}개 언어)이 저마다 숫자 {found.width:,}개로 된 벡터가 되고, "
        f"주성분 {found.components:,}개가 그 분산의 95%를 담는다."
    )


@sentence.register
def _(found: Floor) -> str:
    freed = (
        f"남겨 둔 글에서 확실히 PCA 아래로 내려간 디코더: {'; '.join(found.freed)}."
        if found.freed
        else "제약을 푼 디코더 가운데 남겨 둔 글에서 확실히 PCA 아래로 내려간 것은 없다."
    )
    return (
        f"실험 {found.cells:,}건에서, 아핀 층 하나로 된 디코더를 쓰는 인코더는 한 번도 PCA 아래로 내려가지 못했다"
        f"(가장 가까운 것이 분산의 {found.least:.4f}만큼 위). 더 깊은 인코더를 공정하게 학습해 "
        f"{found.shallowest:,}층과 견주면 {told(found.deeper)}. {freed}"
    )


@sentence.register
def _(found: Schedules) -> str:
    return (
        f"크기를 맞추고 공정하게 학습했을 때 {found.rule} 배치를 균등한 배치와 견주면 {told(found.equal_size)}. "
        f"평균 차이는 분산의 {found.difference:+.4f}이다."
    )


@sentence.register
def _(found: Sharing) -> str:
    return (
        f"다국어 BERT의 매개변수 {found.parameters:,}개 가운데 임베딩을 분해하고 층을 공유하면({found.smallest}) "
        f"{found.kept:.0%}가 남고, 연산은 {found.operations:.0%}가 남는다. 여기서 학습한 인코더 가운데 층을 공유한 "
        f"것을 공유하지 않은 짝과 견주면 {told(found.trained)}. 학습한 인코더 {found.arms}개 가운데 단어 빈도만 아는 "
        f"것보다 나은 것은 {found.learnt}개이다."
    )


@sentence.register
def _(found: Students) -> str:
    unit = "nat(남겨 둔 글의 손실, 작을수록 좋다)" if found.by_loss else "(교사와의 유사도, 클수록 좋다)"
    return (
        f"교사에게 배운 학생을 같은 스텝 수만큼 혼자 배운 학생과 견주면 {told(found.methods)}. 평균이 가장 좋은 방법은 "
        f"{found.best}이고 그 차이는 {change(found.gain)} {unit}이며, 같은 연산량만큼 혼자 배운 학생과의 차이는 "
        f"{change(found.longer)}이다."
    )


@sentence.register
def _(found: Tasks) -> str:
    if found.best is None or found.smallest is None:
        return f"얼려 둔 전체 인코더는 과제 {found.tasks:,}개 가운데 어느 것도 배우지 못했다. 그래서 지킬 것이 없다."
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["가장 많이 지킨 것은", "가장 작은 것은"]
    said = ", ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    return f"과제 {found.tasks:,}개 가운데 얼려 둔 전체 인코더가 배운 {found.learnt:,}개에서 {said}이다."


@sentence.register
def _(found: Triples) -> str:
    return (
        f"학습에서 보지 못한 대상을 물었다. 답이 적힌 문장을 함께 주면, 주지 않았을 때와 견주어 {told(found.text)}. "
        f"맞는 트리플을 주면, 틀린 트리플을 주었을 때와 견주어 {told(found.follows)}. 맞는 트리플 곁에 다른 "
        f"트리플을 두면, 그것만 주었을 때와 견주어 {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    needs = ", ".join(
        f"{NEEDS.get(one.need, one.need)} – {f'{one.take}({cost(one.cost)})' if one.cost else '없음'}"
        for one in found.needs
    )
    counts = ", ".join(f"{word} {found.count(verdict):,}개" for verdict, word in CLAIMS.items() if found.count(verdict))
    keep = f"기준의 {found.keep}를 확실히 지키면서 쓸 수 있는 것" if found.keep else "기준을 확실히 지키는 것"
    return f"{keep}: {needs}. 원래 글들의 주장 {len(found.claims):,}개에 대한 판정: {counts}."


def told(tally: Tally) -> str:
    """``3건 중 2건은 더 좋았고, 1건은 더 나빴다``, ``5건 모두 더 나빴다``."""
    words = {
        "더 좋았": tally.better,
        "더 나빴": tally.worse,
        "동등했": tally.equivalent,
        "차이가 드러나지 않았": tally.open,
        "견줄 수 없었": tally.failed,
    }
    some = [(word, count) for word, count in words.items() if count]
    if not some:
        return "견준 것이 없다"
    if len(some) == 1 < tally.total:
        return f"{tally.total:,}건 모두 {some[0][0]}다"
    clauses = [f"{count:,}건은 {word}고" for word, count in some[:-1]] + [f"{some[-1][1]:,}건은 {some[-1][0]}다"]
    return f"{tally.total:,}건 중 {', '.join(clauses)}"


def cost(text: str) -> str:
    """A cost of :class:`smallbert.report.front.encoders.Need`: ``32 bytes a vector`` as ``벡터당 32바이트``."""
    text = re.sub(r"(\S+) bytes a vector", r"벡터당 \1바이트", text)
    return re.sub(r"(\S+) of the reference's time", r"기준 시간의 \1", text)


def _kept(one: Kept) -> str:
    limits = "구간 없음" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
    return f"{one.name}(매개변수의 {percent(one.parameters)}, 점수의 {one.share:.0%} [{limits}])"
