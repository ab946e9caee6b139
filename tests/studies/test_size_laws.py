"""Curves of loss against size: planted laws come back, and every outcome has words."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.published import published
from smallbert.studies import size_laws
from smallbert.studies.sharing import Trained

SIZES = np.array([4e4, 8e4, 1.7e5, 2.3e5, 4.7e5, 1.1e6, 2.5e6])


def cells(losses, seeds=3, noise=0.002):
    """Seven sizes in the panel ``size`` with given losses, and an arm of other heads that is not."""
    rng = np.random.default_rng(1)
    rows = [
        (f"arm {size:g}", seed, size, size / 2, size / 1e5, loss + noise * rng.standard_normal(), ("size",))
        for size, loss in zip(SIZES, losses, strict=True)
        for seed in range(seeds)
    ]
    rows += [("other heads", seed, SIZES[3], SIZES[3] / 2, SIZES[3] / 1e5, 99.0, ("heads",)) for seed in range(seeds)]
    columns = ["arm", "seed", "parameters", "without embeddings", "operations", "loss", "panels"]
    return Trained((), pd.DataFrame(rows, columns=columns).assign(accuracy=0.1), {})


def contrast(verdict, difference=-0.1):
    rows = [("heads", "2 heads", "1 head", 0.01, verdict), ("size", "large", "second", difference, verdict)]
    found = pd.DataFrame(rows, columns=["panel", "arm", "against", "difference", "verdict"])
    return found.assign(low=found.difference - 0.01, high=found.difference + 0.01)


def test_planted_law_comes_back_by_every_measure_of_size():
    found = size_laws.curves(cells(3 + 30 * SIZES**-0.2))
    assert found.groupby("measure").preferred.sum().eq(1).all()
    own = found[found.preferred]
    assert set(own.law) == {"power law with asymptote"}
    assert own.b.to_numpy() == pytest.approx(0.2, abs=0.05)
    assert own.c.to_numpy() == pytest.approx(3, abs=0.3)
    assert ((own["b low"] <= own.b) & (own.b <= own["b high"])).all()
    assert ((own["c least"] <= own.c) & (own.c <= own["c most"])).all()
    assert own.beyond.to_numpy() == pytest.approx(3 + 30 * (10 * SIZES[-1]) ** -0.2, abs=0.05)


def test_residuals_are_losses_less_the_curve_s_for_every_cell():
    trained = cells(np.log(SIZES))
    fitted = size_laws.curves(trained)
    left = size_laws.residuals(trained, fitted)
    assert len(left) == len(fitted) * 7 * 3
    rising = left[(left.measure == "parameters") & (left.law == "constant")]
    assert rising.residual.sum() == pytest.approx(0)
    by_size = rising.groupby("size").residual.mean().to_numpy()
    assert by_size == pytest.approx(np.log(SIZES) - np.log(SIZES).mean(), abs=0.01)
    error = fitted.set_index(["measure", "law"]).error["parameters", "constant"]
    assert error == pytest.approx(np.sqrt((by_size**2).mean()), rel=1e-6)


def test_too_few_sizes_choose_no_law_and_say_so():
    few = cells(np.full(7, 5.0))
    few = Trained((), few.cells[few.cells.parameters < 2e5], {})
    fitted = size_laws.curves(few)
    assert not fitted.preferred.any() and len(fitted) == 3 * 3
    assert "too few to tell one law of size from another" in size_laws.answer(few, contrast("lower"), fitted, 6.0)
    one_seed = cells(SIZES**-0.1, seeds=1)
    assert size_laws.curves(one_seed)["b low"].isna().all()


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("lower", "yes: quality still grows at the largest size"),
        ("higher", "no: the largest is worse than the second largest"),
        ("equivalent", "no: the last step changes the loss by less than 0.02 nats"),
        ("no difference shown", "it cannot be told: with these seeds the last step is no certain difference"),
        ("not told after correction", "it cannot be told: the last step is not told after correction"),
        ("diverged", "it cannot be told: too few runs of the two largest are left"),
    ],
)
def test_every_outcome_of_the_last_step_has_words(verdict, words):
    trained = cells(3 + 30 * SIZES**-0.2)
    said = size_laws.answer(trained, contrast(verdict), size_laws.curves(trained), 7.0)
    short = size_laws.in_short(trained, contrast(verdict), 7.0)
    assert short.startswith("From 40,000 parameters to 2,500,000 the mean held-out loss goes from")
    assert short.partition("measured, ")[2].removesuffix(".") in said
    assert words in said
    law_told = "as well as any is the power law with asymptote, which falls to c and no further" in said
    assert law_told == (verdict in ("lower", "higher"))
    assert ("is not told, so no law is told from the constant (errors on left-out sizes, nats: con" in said) != law_told
    assert ("The power law: b = " in said) == ("laws that fall foretell" in said) == law_told
    assert "From 40,000 parameters to 2,500,000" in said and "nan" not in said


def test_sizes_that_have_learnt_no_context_are_counted():
    losses = 3 + 30 * SIZES**-0.2
    trained = cells(losses)
    fitted = size_laws.curves(trained)
    between = (losses[2] + losses[3]) / 2
    said = size_laws.answer(trained, contrast("lower"), fitted, between)
    gap = between - losses[-1]
    assert "4 of 7 sizes lie below what word" in said and f"over seeds), the lowest mean {gap:.2f}" in said
    assert "of the masked words 10.0% to 10.0% are right" in said
    none = size_laws.answer(trained, contrast("lower"), fitted, 1.0)
    assert (
        "0 of 7 sizes lie below what word frequencies alone are worth (1.000) for sure" in none and " above it;" in none
    )
    assert size_laws.known(trained, between) == 4 and size_laws.known(trained, 1.0) == 0
    for text in (none, size_laws.in_short(trained, contrast("lower"), 1.0)):
        assert "it cannot be told: no size is shown to have learnt more than how often words occur." in text
        assert "quality still grows" not in text


def test_a_size_whose_interval_crosses_the_frequencies_is_not_counted():
    trained = cells(3 + 30 * SIZES**-0.2, noise=0.5)
    fitted, floor = size_laws.curves(trained), 7.0
    losses = trained.panel("size").groupby("arm").loss
    high = losses.mean() + stats.t.ppf(0.975, 2) * losses.sem()
    sure = int((high < floor).sum())
    assert sure < int((losses.mean() < floor).sum())
    assert f"{sure} of 7 sizes lie below" in size_laws.answer(trained, contrast("lower"), fitted, floor)
    one = cells(3 + 30 * SIZES**-0.2, seeds=1)
    assert "0 of 7 sizes lie below" in size_laws.answer(one, contrast("diverged"), size_laws.curves(one), floor)


def test_an_exponent_that_the_search_alone_bounds_is_not_determined():
    trained = cells(3 + 30 * SIZES**-0.2)
    fitted = size_laws.curves(trained)
    bent = fitted.law == "power law with asymptote"
    both = fitted.assign(**{"b low": fitted["b low"].where(~bent, 0.01), "b high": fitted["b high"].where(~bent, 1.99)})
    said = size_laws.answer(trained, contrast("lower"), both, 7.0)
    assert "The power law with asymptote: b and c not determined (b: the whole search range, 0.01 to 1.99)." in said
    assert "The power law: b = 0." in said
    lower = fitted.assign(**{"b low": fitted["b low"].where(~bent, 0.01)})
    said = size_laws.answer(trained, contrast("lower"), lower, 7.0)
    assert "the interval of b ends where the search does, at 0.01." in said and "b = 0.2" in said
    assert "search" not in size_laws.answer(trained, contrast("lower"), fitted, 7.0)


def test_printed_sizes_are_table_6_with_counts_of_ours():
    table = size_laws.printed_sizes()
    assert len(table) == 6
    base = table[(table.layers == 12) & (table.hidden == 768)].iloc[0]
    assert base.parameters == 109_482_240  # bert-base-uncased with its pooler
    assert base.perplexity == published("bert.table6.l12_h768_a12.perplexity").value
    assert base.loss == pytest.approx(np.log(base.perplexity))
    twins = table[table.duplicated("parameters", keep=False)]
    assert sorted(twins.heads) == [3, 12] and set(twins.parameters) == {66_955_008}
    laws = size_laws.printed_curves(table)
    assert (laws.measure == "reported").all() and laws.preferred.sum() == 1


def test_reported_tables_fall_and_turn_as_printed():
    said = size_laws.reported_sentence()
    assert "perplexity falls with every size" in said
    assert "Table 11: the average is highest at layers 24 (82.1) and 0.3 points lower at 48" in said
    assert "Table 12: the average is highest at width 4,096 (76.3) and 2.3 points lower at 6,144" in said


def test_heads_sentence_sets_the_paper_s_pair_beside_ours():
    trained = cells(3 + 30 * SIZES**-0.2)
    said = size_laws.heads_sentence(trained, contrast("no difference shown"), 100.0)
    assert "2 heads against 1 head: no difference shown (+0.010 nats, +0.000 to +0.020)" in said
    assert "perplexity 5.24 with 3 heads and 4.68 with 12, at 66,955,008 parameters each" in said
    assert "says nothing of heads" not in said
    assert "None of these is shown" in size_laws.heads_sentence(trained, contrast("lower"), 7.0)
