"""What pages 1 to 3 found, as one Korean sentence each, as in :mod:`smallbert.report.front.narrowing_en`."""

from __future__ import annotations

from collections.abc import Sequence

from smallbert.report.front.names_ko import name
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.phrases import distance, percent
from smallbert.report.front.phrases_ko import told
from smallbert.studies.decoder_best import Best
from smallbert.studies.depth_training import Outcome, TrainingEffect

_TRAINING: dict[Outcome, str] = {
    "none": "학습으로 없앨 손실이 드러나지 않았습니다",
    "appears": "더 학습한 뒤에야 깊이 때문에 잃는 것이 드러납니다",
    "removed": "더 학습하면 깊이 때문에 잃는 것이 없어집니다",
    "reversed": "더 학습하면 깊은 쪽이 오히려 낫습니다",
    "partly": "더 학습하면 깊이 때문에 잃는 것이 줄지만 다 없어지지는 않습니다",
    "untold rest": "더 학습하면 깊이 때문에 잃는 것이 줄고, 남은 것이 있는지는 가릴 수 없습니다",
    "grows": "더 학습해도 깊이 때문에 잃는 것이 없어지지 않습니다",
    "untold": "더 학습하면 깊이 때문에 잃는 것이 없어지는지 가릴 수 없습니다",
}


def articles(found: Articles) -> str:
    """As :func:`smallbert.report.front.narrowing_en.articles`."""
    between = topic = ""
    if found.between:
        share, within = found.between
        between = f" 분산의 {percent(share)}는 언어 사이의 차이이며, 언어 안에서 95%를 담으려면 {within:,}개가 듭니다."
    if found.topic:
        whole, alone = found.topic
        first = f" 선형 분류기는 처음 {found.components:,}개만으로 글 {alone:.0%}의 주제를,"
        topic = f"{first} 벡터 전체로 {whole:.0%}의 주제를 읽어 냅니다."
        if found.always is not None:
            topic += f" 가장 흔한 주제만 답하는 것({found.always:.0%})과 가릴 수 없으니, 주제를 읽어 낸 것이 아닙니다."
    return (
        f"글 {found.rows:,}편({found.languages:,}개 언어)이 저마다 숫자 {found.width:,}개로 된 벡터가 되고, "
        f"주성분 {found.components:,}개가 그 분산의 95%를 담습니다.{between}{topic}"
    )


def floor(found: Floor) -> str:
    """As :func:`smallbert.report.front.narrowing_en.floor`."""
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
    still = ""
    if found.unfinished:
        still = (
            f"(다만 깊이 {len(found.deeper) + 1}가지 가운데 {len(found.falling)}가지는 아직 PCA에 가까워지는 중입니다)"
        )
    return (
        f" 더 깊은 인코더는 평균으로 {found.shortest}에포크 뒤에 분산을 {_lost(found.before.estimate)} 잃고, "
        f"{found.longest}에포크 뒤에 {_lost(found.after.estimate)} 잃습니다. {_TRAINING[found.outcome]}{still}."
    )


def _lost(share: float) -> str:
    return f"{abs(share):.4f}만큼 {'덜' if share < 0 else '더'}"


def schedules(found: Schedules) -> str:
    """As :func:`smallbert.report.front.narrowing_en.schedules`."""
    return (
        f"크기를 맞추고 공정하게 학습했을 때 {found.rule} 배치를 균등한 배치와 견주면 {told(found.equal_size)}. "
        f"평균 차이는 분산의 {found.difference:+.4f}입니다."
    )
