"""The losses of TinyBERT and DistilBERT as their papers print them and as their code has them, on the same tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from smallbert.compress.distill import attention, hidden, soft_targets
from smallbert.compress.distill.layer_maps import COPIES, copied_layers
from smallbert.models.parameters import count
from smallbert.models.presets import PRESETS
from smallbert.models.sizes import Sizes
from smallbert.published import published
from smallbert.studies.same_batch import SameBatch

MASKED_SCORE = -10_000.0
"""What the released code adds to the attention scores of padding."""

DISTILBERT = PRESETS["distilbert/distilbert-base-multilingual-cased"]
MBERT = PRESETS["google-bert/bert-base-multilingual-cased"]
TINY = PRESETS["huawei-noah/TinyBERT_General_4L_312D"]
BERT = PRESETS["google-bert/bert-base-uncased"]


def tinybert_forms(batch: SameBatch, *, temperature: float = 2.0) -> pd.DataFrame:
    """The paper's losses beside the released code's on the same tensors, a student of half the width on padded rows.

    Args:
        batch: teacher and students on the same texts.
        temperature: t of the prediction loss where the factor T^2 is looked at; the paper has 1.

    Returns:
        One row a difference: ``loss``, ``paper's form``, ``official code``, ``paper`` and ``code`` (values), ``ratio``
        (code to paper) and ``expected`` (the ratio in closed form, not-a-number where there is none).
    """
    student, teacher = batch.narrow, batch.teacher_scores
    inside, own = batch.inside, batch.narrow_scores
    masked = [one.masked_fill(~inside, 0.0) + MASKED_SCORE * ~inside for one in (own, teacher)]
    rows: list[tuple[Any, ...]] = [
        (
            "attention scores",
            "pairs of tokens of the text",
            f"all pairs; scores of at most {attention.OFFICIAL_FLOOR:g} set to 0, here those of padding queries too",
            attention.score_loss(own, teacher, inside),
            attention.official_score_loss(*masked),
            inside.float().mean().item(),
        )
    ]
    both, one = _least_projected(student, batch.teacher_states)
    rows.append(("hidden states and embeddings", "W_e and W_h", "one W with a bias for all", both, one, np.nan))
    z, v = batch.narrow_logits, batch.teacher_logits
    classes = z.shape[1]
    paper, official = soft_targets.prediction(z, v), soft_targets.prediction(z, v, official=True)
    rows.append(
        ("prediction", "sum over classes", "mean over batch and classes", paper, official, 1 / classes),
    )
    cold, hot = soft_targets.soft_cross_entropy(z, v, temperature), soft_targets.prediction(z, v, temperature)
    rows.append((f"prediction at T = {temperature:g}", "Hinton's, times T^2", "no T^2", cold, hot, temperature**-2))
    table = pd.DataFrame(rows, columns=["loss", "paper's form", "official code", "paper", "code", "expected"])
    # Least squares on several threads differ from run to run in the thirteenth digit.
    table[["paper", "code"]] = table[["paper", "code"]].astype(float).map(lambda value: float(f"{value:.9g}"))
    table.insert(5, "ratio", table.code / table.paper)
    return table


def projections(student: Sizes = TINY, teacher: Sizes = BERT) -> pd.DataFrame:
    """Parameters of the W that lift a student to its teacher while it learns; none of them is kept.

    Returns:
        Columns ``form``, ``matrices``, ``bias``, ``parameters``.
    """
    one, bias = student.hidden * teacher.hidden, teacher.hidden
    rows = [
        ("official code: one for all", 1, True, one + bias),
        ("paper: one for the embeddings, one for the hidden states", 2, False, 2 * one),
        ("one for the embeddings and for every layer", student.layers + 1, False, (student.layers + 1) * one),
    ]
    return pd.DataFrame(rows, columns=["form", "matrices", "bias", "parameters"])


def tinybert_sentence(forms: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """What the released code computes against what the paper says.

    Args:
        forms: from :func:`tinybert_forms`.
        sizes: from :func:`projections`.
    """
    exact = forms[forms.expected.notna()]
    far = (exact.ratio / exact.expected - 1).abs().max()
    found = forms.set_index("loss").ratio
    code, paper = (sizes.parameters[sizes.matrices == count].iloc[0] for count in (1, 2))
    return (
        f"Against the paper's form the released code weighs the attention scores {found['attention scores']:.2f}-fold, "
        "which is the share of pairs that are no padding (the released model masks padding as a key alone, so there "
        "its queries count too), and the prediction "
        f"{found['prediction']:.1e}-fold, which is one over the vocabulary: what the closed forms say, to within "
        f"{far:.0e}. The best single W leaves {found['hidden states and embeddings']:.2f} times the squared error of "
        f"the best W_e and W_h, with {code:,} parameters against {paper:,} at TinyBERT's sizes."
    )


def distilbert_places(batch: SameBatch, *, temperature: float = 2.0) -> pd.DataFrame:
    """DistilBERT's soft loss at masked tokens alone and at all attended ones, of the same batch.

    Args:
        batch: teacher and students on the same texts; the student here is of the teacher's width.
        temperature: T.

    Returns:
        One row a choice: ``places`` (``masked``, ``all attended``, ``attended, not masked``), ``tokens``,
        ``divergence`` (times T^2, nats), ``teacher's entropy`` (at T = 1, nats), ``teacher right`` (share of tokens it
        gives the highest probability).
    """
    chosen = {
        "masked": batch.masked,
        "all attended": batch.attended,
        "attended, not masked": np.setdiff1d(batch.attended, batch.masked),
    }
    rows = []
    for name, places in chosen.items():
        sums = np.zeros(3)
        for z, v, ids in batch.logits_at(places):
            log_p = v.log_softmax(1)
            sums += [
                soft_targets.divergence(z, v, temperature).item() * len(z),
                -(log_p.exp() * log_p).sum().item(),
                (v.argmax(1) == ids).sum().item(),
            ]
        rows.append((name, len(places), *(sums / len(places))))
    return pd.DataFrame(rows, columns=["places", "tokens", "divergence", "teacher's entropy", "teacher right"])


def copies(printed: Sequence[int] | None = None, student: int = 6, teacher: int = 12) -> pd.DataFrame:
    """Which of the teacher's layers, counted from 0, each map copies: columns ``map``, ``layers``, ``released``.

    Args:
        printed: the layers of the released DistilBERT; the project's published ones by default.
        student: M.
        teacher: N.

    Returns:
        ``released`` says whether these are the printed ones.
    """
    printed = list(published("distilbert.copied_layers").value if printed is None else printed)
    maps = {name: copied_layers(name, student, teacher) for name in COPIES}
    rows = [(name, ", ".join(map(str, layers)), layers == printed) for name, layers in maps.items()]
    return pd.DataFrame(rows, columns=["map", "layers", "released"])


def multilingual_counts() -> pd.DataFrame:
    """Multilingual DistilBERT from multilingual BERT, group by group: ``what``, ``saved``, ``left``."""
    steps = [
        ("multilingual BERT", MBERT),
        ("no pooler", replace(MBERT, pooler=False)),
        ("no token types", replace(MBERT, pooler=False, types=0)),
        ("half of the layers", DISTILBERT),
    ]
    left = [count(sizes).total for _, sizes in steps]
    saved = [0, *(before - after for before, after in pairwise(left))]
    return pd.DataFrame({"what": [name for name, _ in steps], "saved": saved, "left": left})


def distilbert_sentence(places: pd.DataFrame, maps: pd.DataFrame, counts: pd.DataFrame) -> str:
    """Where the loss is taken, which layers were released, and how small multilingual DistilBERT is.

    Args:
        places: from :func:`distilbert_places`.
        maps: from :func:`copies`.
        counts: from :func:`multilingual_counts`.
    """
    own = places.set_index("places")
    masked, every = own.loc["masked"], own.loc["all attended"]
    released = maps[maps.released]
    before, after = counts.left.iloc[0], counts.left.iloc[-1]
    matches = " and ".join(released["map"]) if len(released) else "none"
    return (
        f"On the same batch the soft loss is {masked.divergence:.3f} nats at the {int(masked.tokens):,} masked tokens "
        f"and {every.divergence:.3f} at all {int(every.tokens):,} attended ones, where the teacher mostly sees what it "
        f"is asked for (right at {every['teacher right']:.0%}, at masked ones {masked['teacher right']:.0%}). The map "
        f"that gives the released layers: {matches}. Multilingual DistilBERT has {after:,} parameters of "
        f"{before:,}, {1 - after / before:.1%} fewer."
    )


def _least_projected(student: list[Tensor], teacher: list[Tensor]) -> tuple[float, float]:
    """The least hidden loss that W_e and W_h, and one W with a bias for all, can reach: sums over the places."""
    # On the CPU, whose solver takes the fresh student's LayerNorms: their outputs add up to 0 and lack a dimension.
    own, theirs = ([one.cpu().double() for one in states] for states in (student, teacher))
    of_embeddings = torch.linalg.lstsq(own[0], theirs[0]).solution
    of_layers = torch.linalg.lstsq(torch.cat(own[1:]), torch.cat(theirs[1:])).solution
    lifts = [of_embeddings, *[of_layers] * (len(own) - 1)]
    separate = sum(hidden.projected(s, t, lift) for s, t, lift in zip(own, theirs, lifts, strict=True))
    ones = [torch.cat([s, s.new_ones(len(s), 1)], dim=1) for s in own]
    shared = torch.linalg.lstsq(torch.cat(ones), torch.cat(theirs)).solution
    together = sum(hidden.projected(s, t, shared) for s, t in zip(ones, theirs, strict=True))
    return float(separate), float(together)
