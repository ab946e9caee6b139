"""What to take, in Korean: as in :mod:`smallbert.report.front.taking`, with the same numbers."""

from __future__ import annotations

import re

from smallbert.report.front.answers import Frontier, Need, Worthless
from smallbert.report.front.names_ko import cost, name
from smallbert.report.front.reasons import NOTHING, Kept, Reason

NEEDS = {
    "The smallest index": "가장 작은 색인",
    "The fastest service on a CPU": "CPU에서 가장 빠른 서비스",
    "The smallest download": "가장 작은 내려받기 파일",
}

_KINDS = {"index": "색인", "encoder": "인코더"}

_OVER = {"articles": ("글", "편으로"), "seeds": ("시드", "개로"), "queries": ("질의", "개로")}
"""What a measure was taken of, and its counter with its particle."""


def take(found: Frontier) -> str:
    """As :func:`smallbert.report.front.taking.take`."""
    needs = " ".join(f"{need(one)}: {_answer(one)}." for one in found.needs)
    return f"기준의 {found.keep or '정한 몫'}를 확실히 지키려면 이렇게 고릅니다. {needs}"


def unjudged(found: Frontier) -> str:
    """As :func:`smallbert.report.front.taking.unjudged`."""
    if not found.worthless:
        return ""
    lost = "; ".join(f"{name(one.measure)}({_KINDS[one.kind]}: {_worth(one)})" for one in found.worthless)
    said = f"기준부터가 얻은 것이 너무 적어 지킨 몫을 따질 수 없는 척도는 뺐습니다: {lost}."
    single = [f"{need(one)}({name(one.measures)})" for one in found.on_one_measure]
    return f"{said} 척도 하나로만 고른 것: {'; '.join(single)}." if single else said


def need(one: Need) -> str:
    """The need in words."""
    return NEEDS.get(one.need, one.need)


def condition(one: Need) -> str:
    """What the processor must have; empty where any will do."""
    return f", 단 프로세서에 {one.arithmetic} 연산이 있을 때" if one.arithmetic else ""


def kept_whole(text: str) -> str:
    """What to keep where nothing is sure to do."""
    whole = re.fullmatch(r"keep the whole (vector|encoder) in fp32", text)
    return f"{'벡터' if whole[1] == 'vector' else '인코더'} 전체를 fp32로 둡니다" if whole else text


def why(text: str) -> str:
    """The reason of :mod:`smallbert.studies.frontier_needs`, with its numbers; empty without one."""
    if text == NOTHING:
        return "덜 드는 것이 확실한 것을 재지 못했습니다"
    reason = Reason.of(text)
    if not reason:
        return text
    if not reason.may:
        point = f"{name(reason.name)}({cost(reason.cost)})" if reason.cost else name(reason.name)
        return f"가장 가까운 것은 {point}입니다: {_kept(reason.kept)}"
    unsure = []
    if reason.time is not None:
        limits = f" [{', '.join(_limit(one) for one in reason.time)}]" if reason.time else ""
        unsure.append(f"시간{limits}이 더 짧은지 가릴 수 없습니다")
    if reason.kept:
        unsure.append(_kept(reason.kept))
    return f"{_may(reason)} 될 수 있으나 확실하지 않습니다: {'; '.join(unsure)}"


def _answer(one: Need) -> str:
    if not one.cost:
        return f"{kept_whole(one.take)}; {_short(one.why)}" if one.why else kept_whole(one.take)
    # A code's name has its bytes.
    named = one.cost.removesuffix(" a vector") in one.take
    taken = (name(one.take) if named else f"{name(one.take)}({cost(one.cost)})") + condition(one)
    return f"{taken}; {_short(one.why)}" if one.why else taken


def _short(text: str) -> str:
    reason = Reason.of(text)
    if not (reason and reason.may):
        return why(text)
    few = f"잰 {_OVER.get(reason.kept.over, ('것', ''))[0]}의 수가 적어" if reason.kept else ""
    slow = "시간이 더 짧은지 가릴 수 없어" if reason.time is not None else ""
    both = f"{slow.removesuffix('어')}고 {few}" if slow and few else slow or few
    return f"{_may(reason)} 될 수 있으나, {both} 확실하지 않습니다"


def _may(reason: Reason) -> str:
    return f"{name(reason.name)}({cost(reason.cost)})도" if reason.cost else f"{name(reason.name)}도"


def _kept(kept: Kept | None) -> str:
    if not kept:
        return ""
    said = f"{name(kept.measure)} {kept.words.replace('(no interval)', '(구간 없음)')}"
    if not kept.keep:
        return said
    what, counter = _OVER.get(kept.over, (kept.over, "개로"))
    many = f"{what} {kept.number}{counter}" if kept.number else f"{what}의 수로"
    return f"{said}, {many}는 {kept.keep}를 확신할 수 없습니다"


def _limit(text: str) -> str:
    return "위 끝 없음" if text == "no upper limit" else text


def _worth(one: Worthless) -> str:
    if one.commonest != one.commonest:
        return f"{one.worth:.3f}"
    return f"{one.worth:.3f}, 늘 가장 흔한 답을 하는 것의 {one.commonest:.3f}보다 확실히 높지는 않음"
