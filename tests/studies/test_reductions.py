"""Steps really applied: what they leave is counted, what they cost is measured by hand again, work is kept."""

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from smallbert.compress.factorise import truncate
from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.studies import reductions
from smallbert.studies.articles import draw
from smallbert.studies.reduction_costs import CHANGE, COSINE, KEPT, UNCHANGED
from smallbert.studies.reductions import WHOLE

COVERAGES = (0.5, 1.0)
WORDS = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
OPTIONS = {"max_tokens": 24, "device": "cpu"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Articles whose words tell their topic, of 40 of the 60 words the teacher knows; some words are rare."""
    rng = np.random.default_rng(4)
    topics = rng.integers(2, size=300)
    chances = 0.8 ** np.arange(20)
    texts = [" ".join(rng.choice(WORDS[20 * t : 20 * t + 20], 8, p=chances / chances.sum())) for t in topics]
    ids = [str(row) for row in range(300)]
    rows = {"id": ids, "lang": ["en"] * 300, "content": texts, "topic": [("law", "sport")[t] for t in topics]}
    out = tmp_path_factory.mktemp("corpus") / "c"
    return prepare([batch(rows)], out, test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def student(predicting_teacher, tmp_path_factory):
    """A narrow student of one layer with the teacher's tokenizer."""
    folder = tmp_path_factory.mktemp("student")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = transformers.BertForMaskedLM(
            transformers.BertConfig(vocab_size=65, max_position_embeddings=40, initializer_range=0.5, **sizes)
        )
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(predicting_teacher).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("reductions")


def study(teacher, prepared, place, **options):
    options = {"coverages": COVERAGES, "rows": 50, "seed": 3} | OPTIONS | options
    return reductions.run(str(teacher), prepared, place, **options)


@pytest.fixture(scope="module")
def cells(predicting_teacher, prepared, place):
    return study(predicting_teacher, prepared, place)


@pytest.fixture(scope="module")
def wide(cells):
    return cells.pivot(index="step", columns="measure", values="estimate")


def test_steps_and_what_they_leave(cells, predicting_teacher, place):
    steps = cells.drop_duplicates("step").set_index("step").parameters
    assert list(steps.index) == [
        WHOLE, "trim, coverage 0.5", "trim, coverage 1", "truncate the word table, rank 8",
        "drop layers, 2 of 4 kept", "trim, drop layers, 2 of 4 kept, truncate, rank 8",
    ]  # fmt: skip
    model = transformers.AutoModel.from_pretrained(predicting_teacher, add_pooling_layer=False)
    whole = sum(one.numel() for one in model.parameters())
    layer = sum(one.numel() for one in model.encoder.layer[0].parameters())
    folders = {path.name: path for path in place.glob("*/coverage-*")}
    tokens = len(transformers.AutoTokenizer.from_pretrained(folders["coverage-1"]))
    assert tokens < 65 and steps["trim, coverage 1"] == whole - 32 * (65 - tokens)
    assert steps["truncate the word table, rank 8"] == whole - 65 * 32 + 8 * (65 + 32)
    assert steps["drop layers, 2 of 4 kept"] == whole - 2 * layer
    assert steps.iloc[-1] == whole - 2 * layer - 65 * 32 + 8 * (tokens + 32)


def test_the_whole_and_the_fully_covered_lose_nothing(wide):
    for step in (WHOLE, "trim, coverage 1"):
        assert wide.loc[step, [UNCHANGED, KEPT]].tolist() == [1, 1]
        assert wide[COSINE][step] == pytest.approx(1) and wide[CHANGE][step] == 0
    assert 0 < wide[UNCHANGED]["trim, coverage 0.5"] < 1
    assert wide[UNCHANGED].iloc[[*map(list(wide.index).index, ["drop layers, 2 of 4 kept"])]].item() == 0
    assert (wide[COSINE].drop([WHOLE, "trim, coverage 1"]) < 0.9999).all()


def test_a_row_equals_the_measures_by_hand(cells, predicting_teacher, prepared):
    encoder = encoders.load(str(predicting_teacher), **OPTIONS)
    ids = {split: encoder.tokenize(draw(prepared, split, most, 3)[1]) for split, most in (("train", 100), ("test", 50))}
    model = transformers.AutoModel.from_pretrained(predicting_teacher).eval()
    words = model.embeddings.word_embeddings.weight
    vectors = []
    for truncated in (False, True):
        if truncated:
            left, right = truncate(words.detach().numpy()).factors(8)
            words.data = torch.from_numpy(left @ right)
        with torch.no_grad():
            own = {
                split: np.stack([model(torch.from_numpy(i).long()[None]).last_hidden_state[0].mean(0) for i in some])
                for split, some in ids.items()
            }
        vectors.append(own["test"] - own["train"].mean(0))
    before, after = vectors
    cosines = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    row = cells[(cells.step == "truncate the word table, rank 8") & (cells.measure == COSINE)].iloc[0]
    assert row.estimate == pytest.approx(cosines.mean(), abs=5e-3)  # bf16 where the machine has it
    half = 1.96 * cosines.std(ddof=1) / np.sqrt(len(cosines))
    assert row.high - row.low == pytest.approx(2 * half, rel=0.15)
    near = [np.argsort(((x[:, None] - x[None]) ** 2).sum(2) + 1e9 * np.eye(len(x)), axis=1)[:, :10] for x in vectors]
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])
    found = cells[(cells.step == row.step) & (cells.measure == KEPT)].iloc[0]
    assert found.estimate == pytest.approx(kept, abs=0.01)
    assert (cells.low <= cells.estimate + 1e-12).all() and (cells.estimate <= cells.high + 1e-12).all()


def test_a_change_of_no_article_is_not_certain(cells):
    """Tango's interval of n pairs that agree reaches z^2 / (n + z^2) to each side."""
    own = cells[(cells.step == "trim, coverage 1") & (cells.measure == CHANGE)].iloc[0]
    edge = 3.8415 / (own.n + 3.8415)
    assert (own.low, own.estimate, own.high) == pytest.approx((-edge, 0, edge), abs=1e-4)


def test_a_student_of_another_width_has_no_cosine(predicting_teacher, student, prepared, place):
    cells = study(predicting_teacher, prepared, place, students={"1 layer": student})
    own = cells[cells.step == "1 layer"]
    assert set(own.measure) == {KEPT, "accuracy", CHANGE}
    assert cells.step.iloc[-1] == "trim, 1 layer, truncate, rank 4"
    assert own.parameters.iloc[0] == 65 * 16 + 42 * 16 + 2 * 16 + 16 * 17 * 4 + 2 * 32 + 16 * 32 + 32 + 32 * 16 + 16
    table = reductions.summary(cells)
    assert table.set_index("step")[COSINE].isna().sum() == 2
    assert "1 layer" in reductions.sentence(cells)


def test_what_is_measured_is_kept(predicting_teacher, prepared, cells, place, monkeypatch):
    monkeypatch.setattr(reductions, "measure", None)
    monkeypatch.setattr(reductions.Vocabulary, "count", None)
    pd.testing.assert_frame_equal(study(predicting_teacher, prepared, place), cells)


def test_the_summary_and_the_sentence_read_the_cells(cells):
    table = reductions.summary(cells).set_index("step")
    parameters = table.parameters[WHOLE]
    assert table.left[WHOLE] == 1 and table.megabytes[WHOLE] == 4 * parameters / 1e6
    said = reductions.sentence(cells)
    least = table.parameters.idxmin()
    assert said.startswith(
        f"Of {parameters:,} parameters {least} leaves least, {table.left[least]:.0%}, with {table[KEPT][least]:.0%} of"
    )
    assert f"trim, coverage 1 ({table.left['trim, coverage 1']:.0%})" in said.split(". ")[1]
    for step, row in table[table[UNCHANGED] != 1].iterrows():
        told = f"{step} ({row[CHANGE]:+.3f} [{row.low:+.3f}, {row.high:+.3f}])"
        assert (told in said) == (row.low > 0 or row.high < 0), said
        assert step in said
    raised = cells[["low", "high"]].mask(cells.measure == CHANGE, 0.1)
    assert "uncorrected. Higher after " in reductions.sentence(cells.assign(low=raised.low, high=raised.high))


def test_an_encoder_that_tells_no_topics_judges_no_step(cells):
    whole = cells[(cells.step == WHOLE) & (cells.measure == "accuracy")].iloc[0]
    assert whole.low > whole.commonest and "No step is judged" not in reductions.sentence(cells)
    said = reductions.sentence(cells.assign(commonest=whole.low))
    assert said.endswith(
        f" No step is judged by topic accuracy: the whole encoder's, {whole.estimate:.3f}, is no better for sure than "
        f"always the commonest ({whole.low:.3f})."
    )
    assert " after " not in said


def test_what_stands_behind_a_row(cells, prepared):
    known = {split: draw(prepared, split, most, 3)[0].topic for split, most in (("train", 100), ("test", 50))}
    commonest = known["train"].value_counts().idxmax()
    assert (cells.n == 50).all()
    assert cells.commonest.unique().tolist() == [pytest.approx((known["test"] == commonest).mean())]


def test_too_few_rows_are_told_before_any_work(predicting_teacher, prepared, place):
    with pytest.raises(UsageError, match="more than 10 rows, to find 10 neighbours, got 10"):
        study(predicting_teacher, prepared, place, rows=10)
