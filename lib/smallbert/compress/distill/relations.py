"""MiniLM's losses: the relations between tokens in the last layer, which have no width."""

from __future__ import annotations

from torch import Tensor

from smallbert.compress.distill.attention import scores

OUTSIDE = -1e4
"""Takes the place of scores outside a text: exp of it is 0, and it is finite, so that 0 times its logarithm is 0."""


def log_relation(one: Tensor, other: Tensor, heads: int, inside: Tensor | None = None) -> Tensor:
    """Logarithm of ``softmax(X Y^T / sqrt(d / heads))``, the relation of every token to all tokens of its text.

    Args:
        one: X: queries for the attention distribution, values for the value relation, (B, L, d).
        other: Y: keys for the attention distribution, values for the value relation, (B, L, d).
        heads: the model's attention heads, or any number of relation heads that divides d.
        inside: which pairs of tokens belong to one text, bool, (B, 1, L, L); all of them by default.

    Returns:
        (B, heads, L, L).
    """
    relation = scores(one, other, heads)
    if inside is not None:
        relation = relation.masked_fill(~inside, OUTSIDE)
    return relation.log_softmax(-1)


def relation_loss(student: Tensor, teacher: Tensor, inside: Tensor | None = None) -> Tensor:
    """Kullback-Leibler divergence of the student's relations from the teacher's, mean over heads and tokens.

    Args:
        student: logarithms from :func:`log_relation`, (B, heads, L, L).
        teacher: those of the teacher, of any width and as many heads, (B, heads, L, L).
        inside: which pairs of tokens belong to one text, bool, (B, 1, L, L). A token with no pair at all is padding and
            does not count.

    Equation: ``1 / (A |x|) sum_a sum_t KL(R^T_{a,t} || R^S_{a,t})``, with R the self-attention distribution (Wang et
    al. 2020, arXiv 2002.10957, section 3.1) or the value relation (section 3.2); MiniLM adds the two, of the last
    layer. Relation heads in place of attention heads are MiniLMv2's (Wang et al. 2021, arXiv 2012.15828): with them
    student and teacher may have different numbers of attention heads.

    Relations: TinyBERT's :func:`smallbert.compress.distill.attention.score_loss` compares the scores themselves, in
    every layer.
    """
    divergences = (teacher.exp() * (teacher - student)).sum(-1)  # (B, heads, L)
    if inside is None:
        return divergences.mean()
    return divergences.sum() / (inside.any(-1).sum() * student.shape[1])
