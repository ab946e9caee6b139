"""What a factorised embedding costs, on planted losses: paired, corrected, and silent where nothing was learnt."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.studies import embedding_widths

NOISE = np.array([0.0, 0.004, -0.004, 0.002])


def planted(losses):
    """Cells of four seeds around a mean loss for each kind of sharing and width; seeds differ by 0.02."""
    rows = []
    for place, ((sharing, width), loss) in enumerate(losses.items()):
        for seed, noise in enumerate(np.roll(NOISE, place)):
            rows.append((sharing, width, seed, 100 * width, loss + 0.02 * seed + noise))
    return pd.DataFrame(rows, columns=["sharing", "embedding", "seed", "parameters", "loss"])


LOSSES = {("nothing shared", 16): 6.4, ("nothing shared", 64): 6.0, ("nothing shared", 32): 6.0}
LOSSES |= {("all shared", 16): 6.9, ("all shared", 64): 6.1}


def test_every_narrower_width_is_held_against_the_widest_with_as_much_shared():
    cells = planted(LOSSES)
    found = embedding_widths.contrasts(cells, 9.0)
    assert found[["sharing", "embedding", "against"]].to_numpy().tolist() == [
        ["nothing shared", 16, 64],
        ["nothing shared", 32, 64],
        ["all shared", 16, 64],
    ]
    assert found["parameters saved"].tolist() == pytest.approx([0.75, 0.5, 0.75])
    wide = cells[cells.sharing == "all shared"].pivot(index="seed", columns="embedding", values="loss")
    difference = wide[16] - wide[64]
    last = found.iloc[-1]
    assert (last.low, last.high) == pytest.approx(stats.t.interval(0.95, 3, difference.mean(), stats.sem(difference)))
    assert last.p_holm == pytest.approx(3 * stats.ttest_rel(wide[16], wide[64]).pvalue)
    assert found.verdict.tolist() == ["higher", "equivalent", "higher"] and found.learnt.all()


def test_a_pair_has_learnt_only_where_both_have():
    found = embedding_widths.contrasts(planted(LOSSES), 6.5)
    assert found.learnt.tolist() == [True, True, False]
    said = embedding_widths.sentence(found)
    assert "against one of width 64" in said and "after Holm's correction of 3): E = 16, nothing shared: +0.4" in said
    assert "E = 32, nothing shared: " in said and "], equivalent within 0.02 nats; E = 16, all shared: +0.8" in said
    assert ". In 1 of 3 pairs not both have learnt more than word frequencies" in said
    assert embedding_widths.sentence(embedding_widths.contrasts(planted(LOSSES), 9.0)).endswith("], worse.")
    none = embedding_widths.sentence(embedding_widths.contrasts(planted(LOSSES), 5.0))
    assert ". None of these pairs has learnt more than word frequencies" in none


def test_what_correction_leaves_untold_is_said_so():
    found = embedding_widths.contrasts(planted(LOSSES), 9.0).assign(verdict="no difference shown")
    assert embedding_widths.sentence(found).count("not told after correction") == 2  # of the third, zero is inside


def test_one_width_leaves_nothing_to_say():
    found = embedding_widths.contrasts(planted({("nothing shared", 64): 6.0}), 9.0)
    assert found.empty and embedding_widths.sentence(found) == ""


def test_one_seed_has_not_learnt_for_sure():
    assert not embedding_widths.below(pd.Series([1.0]), 9.0) and embedding_widths.below(pd.Series([1.0, 1.1]), 9.0)
