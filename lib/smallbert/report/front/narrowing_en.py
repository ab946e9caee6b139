"""What pages 1 to 3 found, as one English sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.phrases import counted, distance, percent, told
from smallbert.studies.decoder_best import Best
from smallbert.studies.depth_training import Outcome, TrainingEffect

_TRAINING: dict[Outcome, str] = {
    "none": "no loss is shown that training could remove",
    "appears": "a loss is shown only after more training",
    "removed": "more training removes what depth costs",
    "reversed": "more training turns the loss into a gain",
    "partly": "more training removes part of what depth costs, not all",
    "untold rest": "more training removes part of what depth costs, and of the rest nothing can be told",
    "grows": "more training does not remove what depth costs",
    "untold": "whether more training removes what depth costs cannot be told",
}


def articles(found: Articles) -> str:
    """Page 1: how many articles become what vectors, and how few components hold them."""
    between = topic = ""
    if found.between:
        share, within = found.between
        between = f"; {percent(share)} of it lies between languages, and within them 95% takes {within:,}"
    if found.topic:
        whole, alone = found.topic
        first = f" From the first {found.components:,} alone a linear probe reads"
        topic = f"{first} {alone:.0%} of topics, from the whole vector {whole:.0%}"
        nothing = f", which is not told from always answering the commonest ({found.always or 0:.0%})"
        topic += "." if found.always is None else f"{nothing}: no topic is read."
    return (
        f"{counted(found.rows, 'article')} in {counted(found.languages, 'language')} become vectors of "
        f"{counted(found.width, 'number')}; {counted(found.components, 'principal component')} "
        f"{'hold' if found.components != 1 else 'holds'} 95% of their variance{between}.{topic}"
    )


def floor(found: Floor) -> str:
    """Page 2: who gets below PCA, and what depth costs."""
    return (
        f"In {counted(found.cells, 'cell')} no encoder with one affine decoder layer gets below PCA (nearest: "
        f"{distance(found.least)} of the variance above). Deeper encoders against "
        f"{counted(found.shallowest, 'layer')}, trained fairly for {counted(found.epochs, 'epoch')}: "
        f"{told(found.deeper)}.{_training(found.training)} Freed decoders trained with their encoder that get "
        f"below PCA on held-out articles for sure: {'; '.join(found.freed) or 'none'}.{_bent(found.bent)}"
    )


def _bent(found: Sequence[Best]) -> str:
    """What decoders of PCA's own code gain, each width of it apart."""
    each = "; ".join(
        f"{_gained(one.gain)} with codes of {one.k}"
        + ("" if one.within is None else f" ({_gained(one.within)} with each language's mean taken off)")
        for one in found
    )
    return f" Fitted to PCA's own code instead, the best decoder takes off PCA's error: {each}." if found else ""


def _gained(share: float) -> str:
    return percent(share) if share else "nothing for sure"


def _training(found: TrainingEffect | None) -> str:
    """Whether what depth costs is one of training: as page 2 tells it, and no more."""
    if not found:
        return ""
    lost = (
        f" On average deeper encoders {_lose(found.before.estimate)} of the variance after {found.shortest} epochs and "
        f"{_lose(found.after.estimate)} after {found.longest}: "
    )
    still = ""
    if found.unfinished:
        still = f", though {len(found.falling)} of {len(found.deeper) + 1} depths still come nearer to PCA"
    return f"{lost}{_TRAINING[found.outcome]}{still}."


def _lose(share: float) -> str:
    return f"{'gain' if share < 0 else 'lose'} {abs(share):.4f}"


def schedules(found: Schedules) -> str:
    """Page 3: another placing of narrow layers against uniform widths."""
    return (
        f"At equal size and trained fairly, {found.rule} against uniform widths: {told(found.equal_size)} (mean "
        f"difference {found.difference:+.4f} of the variance)."
    )
