"""What pages 4 to 6 found, as one Korean sentence each, as in :mod:`smallbert.report.front.encoders_en`."""

from __future__ import annotations

from math import isinf

from smallbert.report.front.encoders import Copied, Judged, Narrowed, Sharing, Students
from smallbert.report.front.names_ko import name
from smallbert.report.front.phrases import percent
from smallbert.report.front.phrases_ko import told
from smallbert.report.front.tasks import Kept, Tasks
from smallbert.studies.layer_effect import LayerEffect


def sharing(found: Sharing) -> str:
    """As :func:`smallbert.report.front.encoders_en.sharing`."""
    operations = 1 - found.operations
    saved = f"연산은 {percent(operations)}가 줍니다" if operations >= 0.005 else "연산은 줄지 않습니다"
    return (
        f"다국어 BERT의 임베딩을 분해하고 층을 공유하면({name(found.smallest)}) 매개변수 {found.parameters:,}개 가운데 "
        f"{1 - found.kept:.0%}가 줄고 {saved}. {_sharing(found)}"
    )


def _sharing(found: Sharing) -> str:
    who = "4쪽에서 처음부터 학습한 작은 인코더"
    if not found.learnt:
        return (
            f"{who} {found.arms:,}개 가운데 단어 빈도보다 많이 배웠다고 할 수 있는 것은 없습니다. 그래서 공유하거나 "
            "분해하면 품질을 얼마나 잃는지 가릴 수 없습니다."
        )
    which = f"{found.arms}개 모두가" if found.learnt == found.arms else f"{found.arms}개 가운데 {found.learnt}개가"
    some = f"{who} {which} 단어 빈도보다 많이 배웠다고 할 수 있습니다."
    narrowed = _narrowed(found.narrowed)
    if not found.trained.total:
        return f"{some} 그러나 공유만 다른 짝이 그 안에 없어, 공유하면 품질을 얼마나 잃는지 가릴 수 없습니다.{narrowed}"
    twins = f"그 가운데 층을 공유한 것을 공유하지 않은 짝과 남겨 둔 글의 손실로 견주면 {told(found.trained)}"
    return f"{some} {twins}.{_layers(found.layers)}{narrowed}"


def _layers(found: LayerEffect | None) -> str:
    """As :func:`smallbert.report.front.encoders_en._layers`."""
    if found is None or found.told:
        return ""
    return (
        f" 그러나 같은 가중치를 {found.many}층 쌓은 것이 {found.few}층보다 낫다고 할 수 없습니다"
        f"({_effect('손실을', found.change)}). 공유해서 잃는 것은 층이 더해 주는 것보다 클 수 없습니다."
    )


def _narrowed(found: Narrowed | None) -> str:
    if not found:
        return " 분해만 다른 짝도 그 안에 없어, 분해하면 품질을 얼마나 잃는지 가릴 수 없습니다."
    return (
        f" 임베딩을 분해한 것을 너비 {found.against:,}인 짝과 견주면 {told(found.pairs)}(E = {found.width}, "
        f"{name(found.sharing)}: {_effect('손실을', found.change)})."
    )


def students(found: Students) -> str:
    """As :func:`smallbert.report.front.encoders_en.students`."""
    measure = "손실을" if found.by_loss else "유사도를"
    what = "남겨 둔 글의 손실(nat)로" if found.by_loss else "교사와의 유사도로"
    below = ""
    if found.learnt:
        learnt, taught = found.learnt
        below = (
            f" 5쪽에서 가르친 작은 학생 {taught:,}개 가운데 단어 빈도만 아는 것({found.frequencies:.3f} nat)보다 많이 "
            f"배웠다고 할 수 있는 것은 {f'{learnt:,}개입니다' if learnt else '없습니다'}."
        )
    return (
        f"교사에게 배운 학생을 같은 스텝 수만큼 혼자 배운 학생과 {what} 견주면 {told(found.methods)}. 평균이 가장 좋은 "
        f"방법은 {name(found.best)}이고 {_effect(measure, found.gain)}. 같은 연산량만큼 혼자 배운 학생과 견주면 "
        f"{told(found.against_longer, alone=True)}({_effect(measure, found.longer)}).{below}"
        f"{_copied(found.copied, measure)}{_judged(found.judged)}"
    )


def _copied(found: Copied | None, measure: str) -> str:
    if not found:
        return ""
    under = "임베딩과 헤드" if measure == "손실을" else "임베딩"
    return (
        f" 교사와 너비가 같은 학생이 교사의 층과 {under}에서 시작해 혼자 배우면, 처음부터 혼자 배운 것과 견주어 "
        f"{told(found.against_fresh, alone=True)}({_effect(measure, found.start)}). 그 가운데 {under}에 층이 더하는 "
        f"것은, {told(found.against_embeddings, alone=True)}({_effect(measure, found.layers)}). 그 시작에 교사의 "
        f"가르침을 더하면 {told(found.against_alone, alone=True)}({_effect(measure, found.taught)})."
    )


def _judged(found: Judged | None) -> str:
    if not found:
        return ""
    texts = "생성한 글" if found.generated else "글"
    which = f"한 언어({found.only})로 된" if found.only else f"{found.languages:,}개 언어로 된"
    return f" {which} {texts}로 배우고 재었으며, 탐침은 시험 글 {found.articles:,}편으로 쟀습니다."


def _effect(measure: str, limits: tuple[float, float, float]) -> str:
    """As :func:`smallbert.studies.distillation_measures.effect`."""
    estimate, low, high = limits
    verb = "높입니다"
    if estimate < 0:
        verb, estimate, low, high = "낮춥니다", -estimate, -high, -low
    return f"{measure} {estimate:.3f} [{low:.3f}, {high:.3f}]만큼 {verb}"


def tasks(found: Tasks) -> str:
    """As :func:`smallbert.report.front.encoders_en.tasks`."""
    if not found.learnt:
        return (
            f"과제 {found.tasks:,}개 가운데 동결한 전체 인코더가 늘 같은 답을 앞서는 것은 없습니다. 그래서 무엇을 "
            f"지키는지 가릴 수 없습니다. {_samples(found)}"
        )
    over = (
        f"그 가운데 {found.over_words:,}개에서는 단어 모음까지 앞섭니다"
        if found.over_words
        else "단어 모음까지 앞서는 과제는 없습니다"
    )
    said = (
        f"동결한 전체 인코더는 과제 {found.tasks:,}개 가운데 {len(found.learnt):,}개에서 늘 같은 답을 앞서고, {over}."
    )
    if found.best is None or found.smallest is None:
        return f"{said} 그래서 무엇을 지키는지 가릴 수 없습니다. {_samples(found)}"
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["가장 많이 지킨 것은", "가장 작은 것은"]
    each = ", ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    random = ""
    if found.random:
        above = (
            f" 가운데 {found.not_above:,}개는 평균이 이보다 높지 않습니다"
            if found.not_above
            else " 모두 평균이 이보다 높습니다"
        )
        random = (
            f" 같은 구조에 무작위 가중치를 넣은 것은 {found.random.share:.0%} [{_limits(found.random)}]를 지킵니다. "
            f"인코더 {found.encoders:,}개{above}."
        )
    summed = f"늘 같은 답보다 더 얻은 점수를 합하면({'; '.join(map(name, found.learnt))})"
    return f"{said} {summed} {each}입니다.{random} {_samples(found)}"


def _samples(found: Tasks) -> str:
    """How few examples the tasks have, and how little the least certain share says."""
    few, many = found.examples
    said = f"과제마다 배울 예는 {few:,}{f'~{many:,}' if many > few else ''}개입니다."
    if found.generated:
        which = "과제는 모두" if found.generated == found.tasks else f"과제 {found.generated}개는"
        said += f" {which} 생성한 영어 글입니다."
    if not found.widest:
        return said
    if isinf(found.widest.low) or isinf(found.widest.high):
        return f"{said} 가장 불확실한 몫인 {name(found.widest.name)}의 몫에는 한계가 없습니다."
    return (
        f"{said} 가장 불확실한 몫인 {name(found.widest.name)}의 몫은 {found.widest.low:.0%}에서 "
        f"{found.widest.high:.0%} 사이 어디든 될 수 있습니다."
    )


def _kept(one: Kept) -> str:
    return f"{name(one.name)}({one.share:.0%} [{_limits(one)}], 매개변수의 {percent(one.parameters)})"


def _limits(one: Kept) -> str:
    return "구간 없음" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
