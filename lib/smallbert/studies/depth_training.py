"""Is it depth, or the training? What depth costs after few epochs and after many, seed by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from smallbert.measure.stats import Interval, mean_interval
from smallbert.studies.contrasts import by_seed
from smallbert.studies.verdicts import MARGIN

Outcome = Literal["none", "appears", "removed", "reversed", "partly", "untold rest", "grows", "untold"]

_SAID: dict[Outcome, str] = {
    "none": "no loss from depth is shown after {shortest} epochs, so there is none for training to remove",
    "appears": "no loss from depth is shown after {shortest} epochs, and after {longest} there is one",
    "removed": f"more training removes it to within {MARGIN}, so depth is harder to train and no more is shown",
    "reversed": "more training turns it into a gain",
    "partly": "part of it is training and not depth, and part is left after {longest} epochs",
    "untold rest": "part of it is training and not depth, and what is left cannot be told from nothing",
    "grows": "more training does not remove it",
    "untold": "whether more training removes it cannot be told",
}


@dataclass(frozen=True)
class TrainingEffect:
    """What deeper encoders lose to the shallowest, mean over the deeper ones of test FVU, after two budgets.

    Args:
        shallowest: layers of the encoder compared with.
        deeper: layers of the others.
        shortest, longest: budgets, epochs.
        before, after: what is lost with each, over seeds.
        change: ``after`` less ``before``, paired by seed.
        falling: depths that come nearer to PCA between the budgets for sure: a budget long enough leaves none.
    """

    shallowest: int
    deeper: tuple[int, ...]
    shortest: int
    longest: int
    before: Interval
    after: Interval
    change: Interval
    falling: tuple[int, ...] = ()

    @classmethod
    def of(cls, cells: pd.DataFrame) -> TrainingEffect | None:
        """From fair cells of one bottleneck at their last epoch, as ``gap_by_budget`` keeps them.

        Args:
            cells: columns ``budget``, ``depth``, ``seed``, ``test_fvu``, ``gap_test``, ``finite``.

        Returns:
            None where there is one budget or one depth, or fewer than two seeds ended finite with all depths and both
            budgets.
        """
        shortest, longest = int(cells.budget.min()), int(cells.budget.max())
        shallowest, *deeper = sorted({int(depth) for depth in cells.depth})
        if shortest == longest or not deeper:
            return None
        lost = {}
        for budget in (shortest, longest):
            wide = by_seed(cells[cells.budget == budget], "depth").reindex(columns=[shallowest, *deeper])
            lost[budget] = wide[deeper].sub(wide[shallowest], axis=0).mean(axis=1, skipna=False)
        both = pd.DataFrame(lost).dropna()
        if len(both) < 2:
            return None
        before, after = both[shortest], both[longest]
        intervals = mean_interval(before), mean_interval(after), mean_interval(after - before)
        gone = _nearer(cells, shortest, longest)
        falling = tuple(int(depth) for depth in gone if mean_interval(gone[depth]).high < 0)
        return cls(shallowest, tuple(deeper), shortest, longest, *intervals, falling)

    @property
    def outcome(self) -> Outcome:
        """Whether more training removes what depth costs; one comparison, so nothing is corrected."""
        if self.before.low <= 0:
            return "appears" if self.after.low > 0 else "none"
        if self.change.high < 0:
            if self.after.low > 0:
                return "partly"
            if self.after.low >= -MARGIN and self.after.high <= MARGIN:
                return "removed"
            return "reversed" if self.after.high < 0 else "untold rest"
        return "grows" if self.change.low > 0 else "untold"

    @property
    def unfinished(self) -> bool:
        """Whether what is left may go with still more training."""
        return bool(self.falling) and self.outcome not in ("none", "removed", "reversed")


def training_sentence(cells: pd.DataFrame) -> str:
    """Whether an effect of depth is one of training.

    Args:
        cells: as for :meth:`TrainingEffect.of`.
    """
    found = TrainingEffect.of(cells)
    if found is None:
        return (
            "Whether more training removes what depth costs cannot be told: that takes two depths, two budgets and two "
            "seeds that end finite with all of them."
        )
    deeper = found.deeper
    depths = f"Depths {deeper[0]} to {deeper[-1]}" if len(deeper) > 1 else f"Depth {deeper[0]}"
    before, after = (
        f"{_loses(one.estimate, len(deeper))} {abs(one.estimate):.4f}" for one in (found.before, found.after)
    )
    return (
        f"{depths} {before} of the variance against depth {found.shallowest}{' on average' if len(deeper) > 1 else ''} "
        f"after {found.shortest} epochs and {after} after {found.longest} (change "
        f"{_limits(found.change)}, {found.change.n} seeds): "
        f"{_SAID[found.outcome].format(shortest=found.shortest, longest=found.longest)}.{_falling(cells, found)}"
    )


def _loses(estimate: float, count: int) -> str:
    return f"{'gain' if estimate < 0 else 'lose'}{'s' if count == 1 else ''}"


def _falling(cells: pd.DataFrame, found: TrainingEffect) -> str:
    """How many depths still come nearer to PCA between the budgets: after a budget long enough none would."""
    if not found.unfinished:
        return ""
    change = _nearer(cells, found.shortest, found.longest)
    own = cells[cells.seed.isin(change.index)].groupby(["budget", "depth"]).gap_test.mean()
    worst = own[found.longest].idxmax()
    from_, to = own[found.shortest][worst], own[found.longest][worst]
    return (
        f" {len(found.falling)} of {change.shape[1]} depths come nearer to PCA between the two (the farthest, depth "
        f"{worst}, from {from_:.4f} to {to:.4f} above it), so {found.longest} epochs are not enough to tell depth from "
        "training."
    )


def _nearer(cells: pd.DataFrame, shortest: int, longest: int) -> pd.DataFrame:
    """Change of the distance from PCA between two budgets, a column a depth, of seeds that ended finite with all."""
    before, after = (by_seed(cells[cells.budget == budget], "depth", "gap_test") for budget in (shortest, longest))
    return (after - before).dropna()


def _limits(found: Interval) -> str:
    return f"{found.estimate:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
