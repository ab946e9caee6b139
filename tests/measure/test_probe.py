import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smallbert.errors import DataError
from smallbert.measure import probe as probe_module
from smallbert.measure.probe import probe


@pytest.fixture
def topics(rng):
    """Three overlapping classes in five dimensions of very different scale, one of them constant."""
    labels = rng.choice(["politics", "sport", "world"], 900, p=[0.6, 0.3, 0.1])
    centres = {"politics": 0, "sport": 1.5, "world": -1.5}
    x = rng.standard_normal((900, 5)) + np.array([[centres[name]] for name in labels]) * [1, 0, 1, 0, 0]
    x = x * [1e-3, 1, 100, 1, 0] + 5
    return x[:600], labels[:600], x[600:], labels[600:]


def test_equals_scikit_learns_pipeline(topics):
    """Columns that all vary by as much, of which four are left, have a quarter of the variance each."""
    x, y, x_test, y_test = topics
    found = probe(*topics, seed=0, scaling="columns", penalties=[4])
    answers = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(x, y).predict(x_test)
    assert found.accuracy.estimate == pytest.approx(accuracy_score(y_test, answers))
    assert found.macro_f1 == pytest.approx(f1_score(y_test, answers, average="macro"))
    assert found.majority == pytest.approx((y_test == "politics").mean())
    assert found.accuracy.low < found.accuracy.estimate < found.accuracy.high
    assert (found.classes, found.n_train, found.n_test, found.converged) == (3, 600, 300, True)
    assert found.accuracy.estimate > found.majority + 0.1


def test_the_penalty_is_the_one_that_a_search_over_the_same_rows_finds(topics, rng):
    x, y, x_test, y_test = topics
    x, x_test = (np.hstack([one, rng.standard_normal((len(one), 60)) * 30]) for one in (x, x_test))
    scale = 1 / np.linalg.norm(x.std(axis=0))
    order = np.random.default_rng([7, 1]).permutation(600)
    fold = np.full(600, -1)
    fold[order[:150]] = 0  # asked; the others are told
    grid, model = {"C": probe_module.PENALTIES}, LogisticRegression(max_iter=500)
    search = GridSearchCV(model, grid, cv=PredefinedSplit(fold), scoring="neg_log_loss")
    mean = x.mean(axis=0)
    search.fit((x - mean) * scale, y)
    found = probe(x, y, x_test, y_test, seed=7)
    assert found.penalty == search.best_params_["C"] and 0.1 < found.penalty < 1000
    assert (found.right == (search.predict((x_test - mean) * scale) == y_test)).all()


@pytest.mark.parametrize("change", ["turned", "longer", "wider", "moved"])
def test_neither_axes_nor_length_nor_idle_columns_change_an_answer(topics, rng, change):
    """What a linear classifier can read from a vector is the same however the vector is written."""
    x, y, x_test, y_test = topics
    turn = stats.ortho_group.rvs(5, random_state=rng)
    moved = {
        "turned": lambda one: one @ turn,
        "longer": lambda one: one * 1e3,
        "wider": lambda one: np.hstack([one, np.full((len(one), 3), 2.0)]),
        "moved": lambda one: one - 40,
    }[change]
    found, whole = probe(moved(x), y, moved(x_test), y_test, seed=0), probe(*topics, seed=0)
    assert (found.right == whole.right).mean() > 0.995 and found.penalty == whole.penalty


def test_too_few_rows_to_choose_by_take_the_middle_penalty():
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array(["a", "b", "b"])
    assert probe(x, y, x, y, seed=0).penalty == 10


def test_labels_that_mean_nothing_give_no_more_than_the_majority(topics, rng):
    x, y, x_test, y_test = topics
    found = probe(x, rng.permutation(y), x_test, rng.permutation(y_test), seed=0)
    assert found.accuracy.low <= found.majority <= found.accuracy.high


@pytest.mark.parametrize("value", [0, 0.1, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_collapsed_codes_give_the_majority(topics, value, dtype):
    _, y, _, y_test = topics
    found = probe(np.full((600, 7), value, dtype), y, np.full((300, 7), value, dtype), y_test, seed=0)
    assert found.accuracy.estimate == found.majority and found.converged


def test_a_dimension_that_train_never_uses_changes_no_answer(topics):
    x, y, x_test, y_test = topics
    idle, used = np.full((600, 1), 0.1), 0.1 + np.arange(300.0)[:, None]
    found = probe(np.hstack([x, idle]), y, np.hstack([x_test, used]), y_test, seed=0)
    assert found == probe(*topics, seed=0)


def test_unknown_labels_are_left_out(topics):
    x, y, x_test, y_test = topics
    y, y_test = y.copy(), y_test.copy()
    y[:100], y_test[:50] = "", ""
    found = probe(x, y, x_test, y_test, seed=0)
    assert found == probe(x[100:], y[100:], x_test[50:], y_test[50:], seed=0)
    assert (found.n_train, found.n_test, found.classes) == (500, 250, 3)


def test_train_rows_are_drawn_by_seed(topics):
    a, b = (probe(*topics, seed=1, n_train=40) for _ in range(2))
    assert a == b and a.n_train == 40
    assert len({probe(*topics, seed=s, n_train=40).accuracy.estimate for s in range(6)}) > 1


def test_a_test_class_unknown_to_train_counts_as_error(topics):
    x, y, x_test, _ = topics
    found = probe(x, y, x_test, np.full(300, "weather"), seed=0)
    assert found.accuracy.estimate == 0 and found.macro_f1 == 0 and found.majority == 0


def test_a_probe_that_ran_out_of_steps_says_so(topics, monkeypatch):
    monkeypatch.setattr(probe_module, "MAX_STEPS", 1)
    assert not probe(*topics, seed=0).converged


def test_errors(topics):
    x, y, x_test, y_test = topics
    with pytest.raises(DataError, match=r"at least 2 classes among the train labels, got \['sport'\]"):
        probe(x[y == "sport"], y[y == "sport"], x_test, y_test, seed=0)
    with pytest.raises(DataError, match="at least one labelled test row"):
        probe(x, y, x_test, [""] * 300, seed=0)
    with pytest.raises(DataError, match="codes 600, labels 10"):
        probe(x, y[:10], x_test, y_test, seed=0)
    with pytest.raises(DataError, match="test codes of width 5, got width 2"):
        probe(x, y, x_test[:, :2], y_test, seed=0)
    bad = x_test.copy()
    bad[3, 2] = np.nan
    with pytest.raises(DataError, match="finite test codes, got nan in row 3, dimension 2"):
        probe(x, y, bad, y_test, seed=0)
