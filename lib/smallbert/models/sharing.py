"""The recipe of an encoder whose layers share weights and whose embeddings are factorised."""

from __future__ import annotations

from dataclasses import dataclass

from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import Sharing, Sizes


@dataclass(frozen=True)
class SharedRecipe(PretrainRecipe):
    """A pretraining recipe with ALBERT's two ways to save parameters (Lan et al. 2020, section 3.1).

    Args:
        embedding: width E of the embeddings, which a map brings to ``hidden``; None is ``hidden`` without a map.
        sharing: what the layers of a group share: ``none``, ``attention``, ``ffn`` or ``all``, each with its LayerNorm.
        groups: runs of equally many layers that share among themselves, ALBERT's ``num_hidden_groups``; layer i uses
            the weights of group ``i // (layers / groups)``. 1 where nothing is shared.

    The model is :class:`smallbert.models.shared_encoder.SharedEncoder` in every mode, ``none`` included, so that arms
    differ in their weights alone.

    Raises:
        UsageError: a field is out of range, or two fields do not fit each other.
    """

    embedding: int | None = None
    sharing: Sharing = "none"
    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sizes(self.vocabulary_size)

    def sizes(self, vocabulary_size: int, *, pair_head: bool = False) -> Sizes:
        """The encoder in numbers.

        Args:
            vocabulary_size: of the token store, at most the recipe's.
            pair_head: with a pooler and a classifier of two beside the head that predicts tokens.
        """
        return Sizes(
            vocabulary=vocabulary_size,
            hidden=self.hidden,
            layers=self.layers,
            heads=self.heads,
            intermediate=self.intermediate,
            embedding=self.embedding,
            positions=self.sequence_length,
            share=self.sharing,
            groups=self.groups,
            pooler=pair_head,
            head="pretraining" if pair_head else "mlm",
        )
