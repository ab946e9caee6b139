"""The commonest label's accuracy equals that of scikit-learn's constant classifier, and that of the probe itself."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from smallbert.measure.probe import probe
from smallbert.studies.commonest import commonest, nothing_to_keep


def test_it_is_what_a_constant_answer_gets():
    rng = np.random.default_rng(2)
    train, test = (pd.Series(rng.choice(["a", "b", "c", ""], n, p=[0.2, 0.4, 0.3, 0.1])) for n in (90, 60))
    known, asked = train[train != ""], test[test != ""]
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(known), 1)), known)
    assert commonest(train, test) == pytest.approx(dummy.score(np.zeros((len(asked), 1)), asked))
    found = probe(rng.standard_normal((90, 2)), train, rng.standard_normal((60, 2)), test, seed=0)
    assert commonest(train, test) == pytest.approx(found.majority)


def test_a_tie_goes_to_the_first_by_name_and_no_label_to_nothing():
    assert commonest(pd.Series(["b", "a"]), pd.Series(["a", "a", "b"])) == pytest.approx(2 / 3)
    assert np.isnan(commonest(pd.Series(["", ""]), pd.Series(["a"])))
    assert np.isnan(commonest(pd.Series(["a"]), pd.Series([""])))


@pytest.mark.parametrize(("low", "floor", "nothing"), [(0.4, 0.42, True), (0.42, 0.42, True), (0.5, 0.42, False)])
def test_a_reference_has_to_be_better_for_sure(low, floor, nothing):
    assert nothing_to_keep(low, floor) == nothing
    assert not nothing_to_keep(low, float("nan"))
