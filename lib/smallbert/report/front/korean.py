"""The findings in Korean: the same numbers in the same formats as in :mod:`smallbert.report.front.english`."""

from __future__ import annotations

import re
from functools import singledispatch
from math import isinf

from smallbert.report.front.answers import KNOWLEDGE, Frontier, Need, Triples
from smallbert.report.front.encoders import Kept, Sharing, Students, Tasks
from smallbert.report.front.english import percent
from smallbert.report.front.narrowing import CORPUS, SCHEDULES, Articles, Floor, Schedules
from smallbert.report.front.reference import Reference
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

_COSTS = {
    "bytes a vector": r"벡터당 \1바이트",
    "of the reference's time": r"기준 시간의 \1",
    "of fp32's time for one text read alone": r"글 하나를 따로 읽을 때 fp32 시간의 \1",
    "of the whole encoder's time for one text read alone": r"글 하나를 따로 읽을 때 전체 인코더 시간의 \1",
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
        f"(가장 가까운 것이 분산의 {found.least:.4f}만큼 위). 더 깊은 인코더를 {found.epochs:,}에포크 동안 공정하게 "
        f"학습해 {found.shallowest:,}층과 견주면 {told(found.deeper)}.{_budgets(found)} {freed}"
    )


def _budgets(found: Floor) -> str:
    if not found.budgets:
        return ""
    (few, before), (many, after) = found.budgets
    if not found.fell:
        return (
            f" {few}에포크에서 {many}에포크로 늘려도 PCA와의 가장 큰 격차는 줄지 않았다({before:.4f}에서 {after:.4f})."
        )
    return (
        f" {few}에포크에서 {many}에포크로 늘리자 PCA와의 가장 큰 격차가 {before:.4f}에서 {after:.4f}로 줄었다. "
        "그러므로 격차의 일부는 깊이가 아니라 학습량 탓이다."
    )


@sentence.register
def _(found: Schedules) -> str:
    return (
        f"크기를 맞추고 공정하게 학습했을 때 {found.rule} 배치를 균등한 배치와 견주면 {told(found.equal_size)}. "
        f"평균 차이는 분산의 {found.difference:+.4f}이다."
    )


@sentence.register
def _(found: Sharing) -> str:
    operations = 1 - found.operations
    saved = f"연산은 {percent(operations)}가 준다" if operations >= 0.005 else "연산은 줄지 않는다"
    return (
        f"다국어 BERT의 임베딩을 분해하고 층을 공유하면({found.smallest}) 매개변수 {found.parameters:,}개 가운데 "
        f"{1 - found.kept:.0%}가 줄고 {saved}. {_sharing(found)}"
    )


def _sharing(found: Sharing) -> str:
    if not found.learnt:
        return (
            f"여기서 학습한 인코더 {found.arms}개 가운데 단어 빈도보다 많이 배운 것은 없다. 그래서 공유하면 품질을 "
            "얼마나 잃는지 가릴 수 없다."
        )
    which = f"{found.arms}개 모두가" if found.learnt == found.arms else f"{found.arms}개 가운데 {found.learnt}개가"
    some = f"여기서 학습한 인코더 {which} 단어 빈도보다 많이 배웠다."
    if not found.trained.total:
        return f"{some} 그러나 공유만 다른 짝이 그 안에 없어, 공유하면 품질을 얼마나 잃는지 가릴 수 없다."
    return f"{some} 그 가운데 층을 공유한 것을 공유하지 않은 짝과 남겨 둔 글의 손실로 견주면 {told(found.trained)}."


@sentence.register
def _(found: Students) -> str:
    name = "손실을" if found.by_loss else "유사도를"
    what = "남겨 둔 글의 손실(nat)로" if found.by_loss else "교사와의 유사도로"
    below = ""
    if found.learnt:
        learnt, taught = found.learnt
        below = (
            f" 배운 학생 {taught:,}개 가운데 단어 빈도만 아는 것({found.frequencies:.3f} nat)보다 많이 배운 것은 "
            f"{learnt:,}개이다."
        )
    return (
        f"교사에게 배운 학생을 같은 스텝 수만큼 혼자 배운 학생과 {what} 견주면 {told(found.methods)}. 평균이 가장 좋은 "
        f"방법은 {found.best}이고 {_effect(name, found.gain)}. 같은 연산량만큼 혼자 배운 학생과 견주면 "
        f"{told(found.against_longer, alone=True)}({_effect(name, found.longer)}).{below}"
    )


def _effect(name: str, limits: tuple[float, float, float]) -> str:
    """As :func:`smallbert.studies.distillation_measures.effect`."""
    estimate, low, high = limits
    verb = "높인다"
    if estimate < 0:
        verb, estimate, low, high = "낮춘다", -estimate, -high, -low
    return f"{name} {estimate:.3f} [{low:.3f}, {high:.3f}]만큼 {verb}"


@sentence.register
def _(found: Tasks) -> str:
    said = (
        f"얼려 둔 전체 인코더는 과제 {found.tasks:,}개 가운데 {len(found.learnt):,}개에서 늘 같은 답을 앞서고, 그 "
        f"가운데 {found.over_words:,}개에서는 단어 모음도 앞선다."
    )
    if found.best is None or found.smallest is None:
        return f"{said} 그래서 무엇을 지키는지 가릴 수 없다."
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["가장 많이 지킨 것은", "가장 작은 것은"]
    each = ", ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    random = (
        f" 같은 구조에 무작위 가중치를 넣은 것은 {found.random.share:.0%} [{_limits(found.random)}]를 지킨다. 인코더 "
        f"{found.encoders:,}개 가운데 {found.not_above:,}개는 평균이 이보다 높지 않다."
        if found.random
        else ""
    )
    return f"{said} 늘 같은 답보다 더 얻은 점수를 합하면({'; '.join(found.learnt)}) {each}이다.{random}"


@sentence.register
def _(found: Triples) -> str:
    return (
        f"학습에서 보지 못한 대상을 물었다. 답이 적힌 문장을 함께 주면, 주지 않았을 때와 견주어 {told(found.text)}. "
        f"맞는 트리플을 주면, 틀린 트리플을 주었을 때와 견주어 {told(found.follows)}. 맞는 트리플 곁에 다른 "
        f"트리플을 두면, 그것만 주었을 때와 견주어 {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    counts = ", ".join(f"{word} {found.count(verdict):,}개" for verdict, word in CLAIMS.items() if found.count(verdict))
    return f"{take(found)} 원래 글들의 주장 {len(found.claims):,}개에 대한 판정: {counts}."


def take(found: Frontier) -> str:
    """As :func:`smallbert.report.front.english.take`."""
    needs = " ".join(f"{NEEDS.get(one.need, one.need)}: {_answer(one)}." for one in found.needs)
    return f"기준의 {found.keep or '정한 몫'}를 확실히 지키려면 이렇게 고른다. {needs}"


def _answer(one: Need) -> str:
    if one.cost:  # a code's name has its bytes
        return one.take if one.cost.removesuffix(" a vector") in one.take else f"{one.take}({cost(one.cost)})"
    return f"{kept_whole(one.take)}({_why(one.why)})" if one.why else kept_whole(one.take)


def _why(text: str) -> str:
    """The reason of :mod:`smallbert.studies.frontier_needs` for keeping the whole."""
    if text == "nothing was measured that is told to need less":
        return "덜 드는 것이 확실한 것을 재지 못했다"
    few = r"(?: over (?:([\d,]+) )?(\w+), too few to be sure of (\S+))?"
    nearest = re.fullmatch(rf"(.+) comes nearest, with (.+?) of (.+?){few}", text)
    if not nearest:
        return text
    name, kept, measure, number, over, keep = nearest.groups()
    said = f"가장 가까운 것은 {cost(name)}, {measure} {kept}"
    said = said.replace("(no interval)", "(구간 없음)")
    if not keep:
        return said
    known = {"articles": ("글", "편으로"), "seeds": ("시드", "개로"), "queries": ("질의", "개로")}
    what, counter = known.get(over, (over, "로"))
    return f"{said}; {what} {f'{number}{counter}' if number else '수로'}는 {keep}를 확신할 수 없다"


def kept_whole(text: str) -> str:
    """What to keep where nothing is sure to do."""
    whole = re.fullmatch(r"keep the whole (vector|encoder) in fp32", text)
    if whole:
        return f"{'벡터' if whole[1] == 'vector' else '인코더'} 전체를 fp32로 둔다"
    return re.sub(r"nothing measured keeps (\S+) for sure", r"\1를 확실히 지키는 것이 없다", text)


def measured(found: Reference) -> str:
    """As :func:`smallbert.report.front.english.measured`."""
    size = f", 매개변수 {found.parameters:,}개" if found.parameters else ""
    texts = f"글 {found.rows:,}편({found.corpus})에서 " if found.rows else ""
    if not found.own:
        return f"{texts}{found.encoder}{size}로 잰 것이며, 다른 인코더에서는 다를 수 있다."
    released = f"(매개변수 {found.released:,}개)" if found.released else ""
    return (
        f"{texts}{found.encoder}{size}로 잰 것이다. 여기서 직접 학습한 작은 인코더이며, 공개된 다국어 BERT{released}가 "
        "아니다. 거기서는 다를 수 있다."
    )


def told(tally: Tally, *, alone: bool = False) -> str:
    """``3건 중 2건은 더 좋았고, 1건은 더 나빴다``, ``5건 모두 더 나빴다``; of one ``alone``, ``더 좋았다``."""
    words = {
        "더 좋았": tally.better,
        "더 나빴": tally.worse,
        "동등했": tally.equivalent,
        "차이가 드러나지 않았": tally.open,
        "견줄 수 없었": tally.failed,
        "보정한 뒤에는 가릴 수 없었": tally.uncorrected,
    }
    some = [(word, count) for word, count in words.items() if count]
    if not some:
        return "견준 것이 없다"
    if alone:
        return f"{some[0][0]}다"
    if len(some) == 1 < tally.total:
        return f"{tally.total:,}건 모두 {some[0][0]}다"
    clauses = [f"{count:,}건은 {word}고" for word, count in some[:-1]] + [f"{some[-1][1]:,}건은 {some[-1][0]}다"]
    return f"{tally.total:,}건 중 {', '.join(clauses)}"


def cost(text: str) -> str:
    """A cost of :class:`smallbert.report.front.encoders.Need`: ``32 bytes a vector`` as ``벡터당 32바이트``."""
    for told, words in _COSTS.items():
        text = re.sub(rf"([\d.,%]+) {told}", words, text)
    return re.sub(r"\((\S+) for many\)", r"(여럿을 함께 읽으면 \1)", text)


def _kept(one: Kept) -> str:
    return f"{one.name}({one.share:.0%} [{_limits(one)}], 매개변수의 {percent(one.parameters)})"


def _limits(one: Kept) -> str:
    return "구간 없음" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
