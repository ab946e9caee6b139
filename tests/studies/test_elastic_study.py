"""Elastic students: the same for a seed, measured as by hand, found again, paired and put into words that are true."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.errors import DataError, UsageError
from smallbert.measure.neighbours import nearest, overlap
from smallbert.models import encoder as encoders
from smallbert.models import workers
from smallbert.studies import elastic, elastic_reading, elastic_words
from smallbert.studies.elastic import FULL, LIST, RANDOM, SEPARATE, START, Cell
from smallbert.studies.elastic_reading import OVERLAP, TOPIC, WHOLE

WORDS = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
SEQUENCE, ROWS = 10, 50


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Articles of words that tell their topic; some words are rare."""
    rng = np.random.default_rng(4)
    topics = rng.integers(2, size=260)
    chances = 0.8 ** np.arange(20)
    texts = [" ".join(rng.choice(WORDS[20 * t : 20 * t + 20], 12, p=chances / chances.sum())) for t in topics]
    ids = [str(row) for row in range(260)]
    rows = {"id": ids, "lang": ["en"] * 260, "content": texts, "topic": [("law", "sport")[t] for t in topics]}
    out = tmp_path_factory.mktemp("corpus") / "c"
    return prepare([batch(rows)], out, test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def store(predicting_teacher):
    """What the study asks of an embedding store: how its encoder was read."""
    known = encoders.load(str(predicting_teacher), precision="fp32", device="cpu", max_tokens=SEQUENCE).describe()
    return SimpleNamespace(manifest={"encoder": known})


def read(teacher, store, prepared, cache, **changed):
    options = {"sequence": SEQUENCE, "tokens": 320, "rows": ROWS, "seed": 3, "device": "cpu", "coverages": (0.8,)}
    return elastic_reading.prepare(str(teacher), store, prepared, cache, cache / "reduced", **options | changed)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("elastic")


@pytest.fixture(scope="module")
def inputs(predicting_teacher, store, prepared, place):
    return read(predicting_teacher, store, prepared, place)


@pytest.fixture(scope="module")
def design(inputs):
    return elastic.design(inputs, sizes=3, tokens=320, seeds=2)


@pytest.fixture(scope="module")
def cells(inputs, design, place):
    return elastic.run(inputs, design, place, device="cpu", processes=1)


def test_every_arm_is_cut_at_every_size(cells, design):
    assert design.sizes == [(layer, width) for layer in (1, 2, 4) for width in (8, 16, 32)]
    counts = cells[cells.coverage == WHOLE].groupby("arm").size()
    assert counts.to_dict() == {LIST: 18, RANDOM: 18, FULL: 18, SEPARATE: 18, START: 9}
    assert set(cells.arm[cells.coverage < WHOLE]) == {LIST}
    assert cells[OVERLAP].between(0, 1).all() and cells[TOPIC].between(0, 1).all()


def test_of_two_layers_and_two_widths_nothing_is_drawn(inputs, cells, design):
    small = elastic.design(inputs, sizes=2, tokens=320, seeds=2)
    assert not small.can_draw and RANDOM not in {cell.arm for cell in elastic.cells(small)}
    found = elastic_words.contrasts(cells[cells.arm != RANDOM])
    assert RANDOM not in {*found.arm, *found.against}
    assert "at random" not in elastic_words.cost_sentence(small, found)
    assert "at random" not in elastic_words.gain_sentence(cells, small, found)
    own = found[(found.arm == FULL) & (found.against == SEPARATE)]
    assert len(own) == 8 and design.full not in set(zip(own.layer, own.width, strict=True))  # it is the same student


def test_an_encoder_put_in_the_place_of_the_teacher_is_refused(
    predicting_teacher, store, prepared, place, inputs, tmp_path
):
    moved = tmp_path / "moved"
    shutil.copytree(predicting_teacher, moved)
    assert read(moved, store, prepared, place).source == str(moved)  # found again, wherever the teacher is now
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    with pytest.raises(DataError, match="Expected the encoder of the embeddings"):
        read(moved, store, prepared, place)


def test_the_untrained_student_keeps_everything_at_full_size(cells):
    own = cells[(cells.arm == START) & (cells.coverage == WHOLE)].set_index(["layer", "width"])[OVERLAP]
    assert own[4, 32] == 1
    assert own[2, 16] < 1


def test_the_overlap_is_the_one_worked_out_from_plain_vectors(cells, inputs, design, predicting_teacher):
    """The untrained student after 2 layers, whole, is transformers' own second hidden state behind a rotation."""
    probe, test = inputs.tests[WHOLE]
    options = {"precision": "fp32", "device": "cpu", "max_tokens": SEQUENCE}
    layers = [encoders.load(str(predicting_teacher), layer=layer, **options) for layer in (4, 2)]
    rows = [one.encode(test) - one.encode(probe).mean(axis=0) for one in layers]
    queries = np.arange(len(test))
    expected = overlap(*(nearest(one, queries, 10) for one in rows)).mean()
    own = cells[(cells.arm == START) & (cells.layer == 2) & (cells.width == 32)][OVERLAP].item()
    assert own == pytest.approx(expected, abs=0.005)


def test_a_student_is_the_same_for_a_seed_and_another_for_another(inputs, design):
    def weights(seed):
        student = elastic.trained(Cell(RANDOM, seed), inputs, design, "cpu")
        return torch.cat([one.detach().flatten() for one in student.parameters()])

    torch.testing.assert_close(weights(1), weights(1), rtol=0, atol=0)
    assert not torch.equal(weights(1), weights(2))


def test_a_student_of_one_size_has_no_more_layers_than_it_needs(inputs, design):
    student = elastic.trained(Cell(SEPARATE, 0, (2, 16)), inputs, design, "cpu")
    assert (student.layers, student.width) == (2, 32)


def test_what_is_finished_is_found_again(cells, inputs, design, place, monkeypatch):
    def refuse(jobs, **_):
        assert not jobs

    monkeypatch.setattr(workers, "run", refuse)
    pd.testing.assert_frame_equal(elastic.run(inputs, design, place, device="cpu"), cells)


def test_trimmed_texts_are_read_in_the_whole_vocabularys_ids(inputs):
    """Tokens of a trimmed text are tokens of the whole text, or the unknown one where theirs are gone."""
    whole, small = inputs.tests[WHOLE][1], inputs.tests[0.8][1]
    unknown = 1
    for a, b in zip(whole, small, strict=True):
        assert ((a == b) | (b == unknown)).all()
    same = np.mean([np.array_equal(a, b) for a, b in zip(whole, small, strict=True)])
    assert inputs.unchanged() == {WHOLE: 1.0, 0.8: same}
    assert 0 < same < 1
    assert inputs.vocabularies[0.8] < inputs.vocabularies[WHOLE] == 65


def test_a_corpus_that_lies_ordered_is_trained_on_and_probed_alike(predicting_teacher, store, prepared, tmp_path):
    """Texts, PCA and probes are parts of one draw: of articles ordered by topic none of these may be of one alone."""
    rows = pa.Table.from_batches(prepared.batches(["id", "lang", "content", "topic"])).sort_by("topic").to_pydict()
    ordered = prepare([batch(rows)], tmp_path / "c", test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)
    inputs = read(predicting_teacher, store, ordered, tmp_path)
    topics, counts = np.unique(inputs.arrays["probe-topics"], return_counts=True)
    assert topics.tolist() == ["law", "sport"] and counts.min() > 10


def test_too_few_rows_are_refused(predicting_teacher, store, prepared, place):
    with pytest.raises(UsageError, match="more than 10 rows"):
        read(predicting_teacher, store, prepared, place, rows=10)


def made(differences):
    """Cells in which the fixed list differs from the separate students by so much at each size, for three seeds."""
    rows = []
    for (layer, width), difference in differences.items():
        for seed, noise in enumerate((-0.0005, 0.0, 0.0005)):
            for arm in (LIST, RANDOM, FULL, SEPARATE, START):
                value = 0.8 + (difference + noise if arm == LIST else 0.0)
                if arm != START or seed == 0:
                    rows.append((arm, seed, layer, width, WHOLE, value, 0.5, 100, 1.0, 4 * width, 10))
    columns = ["arm", "seed", "layer", "width", "coverage", OVERLAP, TOPIC]
    return pd.DataFrame(rows, columns=[*columns, "parameters", "megabytes", "bytes a vector", "operations"])


def test_the_verdict_follows_the_differences():
    lost = elastic_words.contrasts(made({(2, 16): 0.0, (4, 32): -0.05}))
    own = lost[(lost.arm == LIST) & (lost.against == SEPARATE)].set_index(["layer", "width"])
    assert own.difference.to_dict() == pytest.approx({(2, 16): 0.0, (4, 32): -0.05}, abs=1e-12)
    assert own.verdict.to_dict() == {(2, 16): "equivalent", (4, 32): "lower"}
    said = elastic_words.verdict_sentence(lost)
    assert "worse than separate ones at 1 of 2 sizes (4 layers x 32 numbers), by 0.050" in said
    assert "better at 0 and worse at 0 of 2 sizes, so that no gain is shown that could be lost" in said
    kept = elastic_words.verdict_sentence(elastic_words.contrasts(made({(2, 16): 0.0, (4, 32): 0.05})))
    assert "at none of 2 sizes (equivalent within 0.01 at 1, better at 1)" in kept


def test_sentences_hold_what_the_cells_hold(cells, inputs, design):
    found = elastic_words.contrasts(cells)
    assert "stands for 9 students" in elastic_words.cost_sentence(design, found)
    assert f"{cells[(cells.arm == START)][OVERLAP].max():.3f}" in elastic_words.gain_sentence(cells, design, found)
    said = elastic_words.vocabulary_sentence(cells, inputs.unchanged(), design)
    assert f"{inputs.unchanged()[0.8]:.0%} of the test articles keep all their tokens" in said
    table = elastic_words.means(cells)
    assert list(dict.fromkeys(table["trained for"])) == [LIST, RANDOM, FULL, SEPARATE, START]
    first = table.iloc[0]
    own = cells[(cells.arm == LIST) & (cells.layer == 1) & (cells.width == 8) & (cells.coverage == WHOLE)]
    assert first[OVERLAP] == pytest.approx(own[OVERLAP].mean())


def test_differences_of_equal_shares_are_zero():
    """0.1 + 0.2 is not 0.3 to the last bit: such a difference is none, and no minus stands before it."""
    rows = [
        (arm, 2, 16, seed, overlap)
        for arm, overlaps in {LIST: (0.3, 0.3, 0.3), SEPARATE: (0.1 + 0.2, 0.3, 0.1 + 0.2)}.items()
        for seed, overlap in enumerate(overlaps)
    ]
    cells = pd.DataFrame(rows, columns=["arm", "layer", "width", "seed", OVERLAP])
    start = pd.DataFrame([(START, 2, 16, 0, 0.3)], columns=cells.columns)
    found = elastic_words.contrasts(pd.concat([cells, start]).assign(coverage=WHOLE)).iloc[0]
    values = [found.difference, found.low, found.high]
    assert values == [0.0, 0.0, 0.0] and not np.signbit(values).any()
