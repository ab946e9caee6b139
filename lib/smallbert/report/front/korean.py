"""The findings in Korean: the same numbers in the same formats as in :mod:`smallbert.report.front.english`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from math import isinf

from smallbert.report.front.answers import KNOWLEDGE, Frontier, Triples
from smallbert.report.front.encoders import Copied, Judged, Kept, Narrowed, Sharing, Students, Tasks
from smallbert.report.front.english import distance, percent
from smallbert.report.front.names_ko import duration, name, source
from smallbert.report.front.narrowing import CORPUS, SCHEDULES, Articles, Floor, Schedules
from smallbert.report.front.planned import SCALE, Planned
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking_ko import take
from smallbert.report.front.tally import Tally
from smallbert.studies.decoder_best import Best
from smallbert.studies.depth_training import Outcome, TrainingEffect
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

_TRAINING: dict[Outcome, str] = {
    "none": "학습으로 없앨 손실이 드러나지 않았습니다",
    "removed": "더 학습하면 깊이 때문에 잃는 것이 없어집니다",
    "partly": "더 학습하면 깊이 때문에 잃는 것이 줄지만 다 없어지지는 않습니다",
    "untold rest": "더 학습하면 깊이 때문에 잃는 것이 줄고, 남은 것이 있는지는 가릴 수 없습니다",
    "grows": "더 학습해도 깊이 때문에 잃는 것이 없어지지 않습니다",
    "untold": "더 학습하면 깊이 때문에 잃는 것이 없어지는지 가릴 수 없습니다",
}


@singledispatch
def sentence(found: object) -> str:
    """The sentence of a finding of :mod:`smallbert.report.front.findings`, plain text in Korean."""
    raise TypeError(f"Expected a finding, got {found!r}.")


@sentence.register
def _(found: Articles) -> str:
    between = topic = ""
    if found.between:
        share, within = found.between
        between = f" 분산의 {percent(share)}는 언어 사이의 차이이며, 언어 안에서 95%를 담으려면 {within:,}개가 듭니다."
    if found.topic:
        whole, alone = found.topic
        first = f" 선형 분류기는 처음 {found.components:,}개만으로 글 {alone:.0%}의 주제를,"
        topic = f"{first} 벡터 전체로 {whole:.0%}의 주제를 읽어 냅니다."
    return (
        f"글 {found.rows:,}편({found.languages:,}개 언어)이 저마다 숫자 {found.width:,}개로 된 벡터가 되고, "
        f"주성분 {found.components:,}개가 그 분산의 95%를 담습니다.{between}{topic}"
    )


@sentence.register
def _(found: Floor) -> str:
    freed = (
        f"인코더와 함께 학습해 남겨 둔 글에서 확실히 PCA 아래로 내려간 디코더: {'; '.join(map(name, found.freed))}."
        if found.freed
        else "인코더와 함께 학습한, 제약을 푼 디코더 가운데 남겨 둔 글에서 확실히 PCA 아래로 내려간 것은 없습니다."
    )
    return (
        f"실험 {found.cells:,}건에서, 아핀 층 하나로 된 디코더를 쓰는 인코더는 한 번도 PCA 아래로 내려가지 못했습니다"
        f"(가장 가까운 것이 분산의 {distance(found.least)}만큼 위). 더 깊은 인코더를 {found.epochs:,}에포크 동안 "
        f"공정하게 학습해 {found.shallowest:,}층과 견주면 {told(found.deeper)}.{_training(found.training)} {freed}"
        f"{_bent(found.bent)}"
    )


def _bent(found: Sequence[Best]) -> str:
    each = "; ".join(
        f"숫자 {one.k}개인 코드에서 {_gained(one.gain)}"
        + ("" if one.within is None else f"(언어마다 평균을 빼면 {_gained(one.within)})")
        for one in found
    )
    return f" PCA의 코드에 디코더만 맞추면 가장 나은 것이 PCA의 오차에서 더는 몫: {each}." if found else ""


def _gained(share: float) -> str:
    return percent(share) if share else "확실한 것 없음"


def _training(found: TrainingEffect | None) -> str:
    if not found:
        return ""
    return (
        f" 더 깊은 인코더는 평균으로 {found.shortest}에포크 뒤에 분산을 {_lost(found.before.estimate)} 잃고, "
        f"{found.longest}에포크 뒤에 {_lost(found.after.estimate)} 잃습니다. {_TRAINING[found.outcome]}."
    )


def _lost(share: float) -> str:
    return f"{abs(share):.4f}만큼 {'덜' if share < 0 else '더'}"


@sentence.register
def _(found: Schedules) -> str:
    return (
        f"크기를 맞추고 공정하게 학습했을 때 {found.rule} 배치를 균등한 배치와 견주면 {told(found.equal_size)}. "
        f"평균 차이는 분산의 {found.difference:+.4f}입니다."
    )


@sentence.register
def _(found: Sharing) -> str:
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
    return f"{some} {twins}.{narrowed}"


def _narrowed(found: Narrowed | None) -> str:
    if not found:
        return " 분해만 다른 짝도 그 안에 없어, 분해하면 품질을 얼마나 잃는지 가릴 수 없습니다."
    return (
        f" 임베딩을 분해한 것을 너비 {found.against:,}인 짝과 견주면 {told(found.pairs)}(E = {found.width}, "
        f"{name(found.sharing)}: {_effect('손실을', found.change)})."
    )


@sentence.register
def _(found: Students) -> str:
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
    return (
        " 교사와 너비가 같은 학생이 교사의 층에서 시작해 혼자 배우면, 처음부터 혼자 배운 것과 견주어 "
        f"{told(found.against_fresh, alone=True)}({_effect(measure, found.start)}). 거기에 교사의 가르침을 더하면 "
        f"{told(found.against_alone, alone=True)}({_effect(measure, found.taught)})."
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


@sentence.register
def _(found: Tasks) -> str:
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
    if not found.widest:
        return said
    if isinf(found.widest.low) or isinf(found.widest.high):
        return f"{said} 가장 불확실한 몫인 {name(found.widest.name)}의 몫에는 한계가 없습니다."
    return (
        f"{said} 가장 불확실한 몫인 {name(found.widest.name)}의 몫은 {found.widest.low:.0%}에서 "
        f"{found.widest.high:.0%} 사이 어디든 될 수 있습니다."
    )


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


def told(tally: Tally, *, alone: bool = False) -> str:
    """``2건 중 1건은 더 좋았고, 1건은 동등했습니다``, ``5건 모두 더 나빴습니다``; ``alone``: ``더 좋았습니다``."""
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
        return "견준 것이 없습니다"
    if alone:
        return f"{some[0][0]}습니다"
    if len(some) == 1 < tally.total:
        return f"{'둘 다' if tally.total == 2 else f'{tally.total:,}건 모두'} {some[0][0]}습니다"
    clauses = [f"{count:,}건은 {word}고" for word, count in some[:-1]] + [f"{some[-1][1]:,}건은 {some[-1][0]}습니다"]
    return f"{tally.total:,}건 중 {', '.join(clauses)}"


def _kept(one: Kept) -> str:
    return f"{name(one.name)}({one.share:.0%} [{_limits(one)}], 매개변수의 {percent(one.parameters)})"


def _limits(one: Kept) -> str:
    return "구간 없음" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
