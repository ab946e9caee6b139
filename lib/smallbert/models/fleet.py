"""Pretrains many small encoders at once: one core each, resumable, one line of progress for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallbert import runtime, storage
from smallbert.models import workers as processes
from smallbert.models.pretrain import CHECKPOINT, FINISHED, pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.training import trained_steps
from smallbert.models.workers import Job


@dataclass(frozen=True)
class _Arm:
    """One encoder to train.

    Args:
        name: how errors call it.
        recipe: what to train.
        folder: where it will lie.
    """

    name: str
    recipe: PretrainRecipe
    folder: Path

    @property
    def tokens(self) -> int:
        """Tokens of the whole run."""
        return self.recipe.steps * self.recipe.batch_tokens

    @property
    def work(self) -> int:
        """Multiplications of the whole run, about: layers, attention and the head on the masked tokens."""
        recipe, width = self.recipe, getattr(self.recipe, "embedding", None) or self.recipe.hidden
        layer = 4 * recipe.hidden**2 + 2 * recipe.hidden * (recipe.intermediate + recipe.sequence_length)
        head = recipe.masking_probability * recipe.vocabulary_size * width
        return round(self.tokens * (recipe.layers * layer + head))


def pretrain_all(
    store: TokenStore,
    recipes: Mapping[str, PretrainRecipe] | Sequence[PretrainRecipe],
    where: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    label: str = "pretrain",
    checkpoint_every: int = 200,
    run: processes.Run = processes.run,
) -> list[Path]:
    """Pretrain an encoder for every recipe, or find it finished.

    A result depends on its recipe and the store alone: on a CPU every encoder is trained by one thread, and is the same
    to the bit whatever trains beside it, with however many workers. After a kill at any moment the same call goes on
    from the checkpoints. The first error ends the others at their next step; what is finished is kept.

    Args:
        store: the tokens all train on.
        recipes: what to train, by name where errors shall tell which it was; equal recipes are trained once.
        where: an encoder's folder is ``where/bert-KEY``, KEY that of recipe and store.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default; see :func:`smallbert.models.workers.run`.
        label: name shown with the progress.
        checkpoint_every: steps between two checkpoints.
        run: where they are trained; this machine by default.

    Returns:
        One folder a recipe, in the order given; see :func:`smallbert.models.pretrain.pretrain`.

    Raises:
        UsageError: no worker; or as ``pretrain``, with the recipe's name.
        DataError: as ``pretrain``, with the recipe's name.
        MachineError: as ``pretrain``, with the recipe's name; or a worker was killed.
    """
    kind = runtime.device(device).type
    pairs = recipes.items() if isinstance(recipes, Mapping) else (("", recipe) for recipe in recipes)
    arms = [_Arm(name, recipe, where / f"bert-{recipe.key(store.key)}") for name, recipe in pairs]
    if _missing(arms):
        storage.make_folder(where)
        with storage.lock(where, "fleet", wait=True):
            missing = _missing(arms)  # again: whoever held the lock may have trained them
            jobs = [
                Job(
                    name=arm.name or arm.folder.name,
                    work=_pretrain,
                    arguments=(store.folder, arm.recipe, arm.folder, kind, checkpoint_every),
                    units=arm.tokens,
                    done=trained_steps(arm.folder / CHECKPOINT) * arm.recipe.batch_tokens,
                    cost=arm.work,
                )
                for arm in missing
            ]
            finished = sum({arm.folder: arm.tokens for arm in arms}.values()) - sum(arm.tokens for arm in missing)
            run(jobs, label=label, unit="tokens", finished=finished, kind=kind, workers=workers)
    return [arm.folder for arm in arms]


def _missing(arms: Sequence[_Arm]) -> list[_Arm]:
    """Those without a finished encoder, each once."""
    return list({arm.folder: arm for arm in arms if not (arm.folder / FINISHED).exists()}.values())


def _pretrain(
    store: Path, recipe: PretrainRecipe, folder: Path, kind: str, every: int, *, report: Callable[[int], None]
) -> None:
    pretrain(TokenStore.open(store), recipe, folder, device=kind, checkpoint_every=every, report=report)
