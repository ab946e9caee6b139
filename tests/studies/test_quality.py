"""The ruler gives the identity full marks, counts costs, and agrees for PCA with the closed form."""

import numpy as np
import pandas as pd
import pytest

from smallbert.studies import depth, protocols, quality
from smallbert.studies.floor import Floor
from smallbert.studies.matrices import MOST_TOPICS, common_topics
from smallbert.studies.quality import Code, Ruler


def identity(width: int) -> Code:
    return Code("whole", 0, lambda x: x, lambda x: x, width, 0, 0)


def test_the_whole_vector_keeps_everything(vectors):
    row = Ruler(vectors.centred(), rows=150, seed=0).measure(identity(12))
    assert row["FVU"] == 0
    assert row["cosine distortion"] == pytest.approx(0, abs=1e-7)
    assert row["neighbour overlap@10"] == 1
    assert row["similarity rank correlation"] == pytest.approx(1)
    assert row["bytes a vector"] == 48


def test_rotation_and_shift_keep_neighbours_and_similarities(vectors):
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0].astype(np.float32)
    turned = Code("turned", 0, lambda x: x @ rotation + 5, lambda z: (z - 5) @ rotation.T, 12, 0, 0)
    row = Ruler(vectors.centred(), rows=150, seed=0).measure(turned)
    assert row["neighbour overlap@10"] > 0.99
    assert row["similarity rank correlation"] > 0.9999
    assert row["FVU"] < 1e-9


def test_noise_keeps_nothing(vectors):
    rng = np.random.default_rng(1)
    noise = Code("noise", 0, lambda x: rng.standard_normal(x.shape).astype(np.float32), lambda z: z * 0, 12, 0, 0)
    row = Ruler(vectors.centred(), rows=150, seed=0).measure(noise)
    assert row["neighbour overlap@10"] < 0.2
    assert abs(row["similarity rank correlation"]) < 0.1
    # Predicting the train mean: the error of the sample about that mean, over the sample's own variance.
    assert row["FVU"] == pytest.approx(1, abs=0.05)


def test_the_study_measures_linear_methods_and_every_seed(bench, vectors):
    arms = depth.depth_arms(12, [4], [1, 2])
    cells = protocols.original(
        bench, arms, protocols.Choice("relu", "adam", 1e-2), epochs=(3,), seeds=2, keep_weights=True
    )
    table = depth.quality(bench, cells, bottleneck=4, rows=200, seed=0)
    counts = table.groupby("method").size()
    assert counts["PCA"] == 1
    assert counts["original, 1 layer"] == counts["original, 2 layers"] == 2
    pca = table.set_index("method").loc["PCA"]
    assert pytest.approx(Floor.of(vectors).transfer["test"][4], abs=1e-6) == pca.FVU
    trained = table[table.method == "original, 2 layers"].FVU.to_numpy()
    assert trained == pytest.approx(cells[cells.depth == 2].test_fvu.to_numpy(), abs=1e-6)
    means = quality.means(table)
    assert means.method.tolist() == list(dict.fromkeys(table.method))
    summary = quality.summary(table)
    assert np.isnan(summary[summary.method == "PCA"].half).all()
    assert (summary[summary.method == "original, 2 layers"].half >= 0).all()


def test_the_note_says_on_how_many_articles(vectors):
    rows = {split: frame.copy() for split, frame in vectors.rows.items()}
    for frame in rows.values():
        frame.loc[::4, "topic"] = ""
    some = type(vectors)(vectors.train, vectors.validation, vectors.test, rows, "some")
    ruler = Ruler(some.centred(), rows=100, seed=3)
    fitted, asked = (
        rows[name].topic.iloc[of].ne("").sum() for name, of in (("train", ruler._train), ("test", ruler._test))
    )
    said = quality.note(some, rows=100, seed=3)
    assert said.startswith(
        f"Measured on 100 test articles; topic accuracy is that of a linear probe fitted on {fitted} "
    )
    assert f"and asked about {asked} test articles" in said and asked < 100
    blank = {name: frame.assign(topic="") for name, frame in rows.items()}
    bare = type(vectors)(vectors.train, vectors.validation, vectors.test, blank, "bare")
    assert quality.note(bare, rows=1000, seed=0) == "Measured on 200 test articles."


def test_a_corpus_without_topics_or_translations_has_no_such_columns(vectors):
    blank = {name: frame.assign(topic="", group="") for name, frame in vectors.rows.items()}
    bare = type(vectors)(vectors.train, vectors.validation, vectors.test, blank, "bare")
    row = Ruler(bare.centred(), rows=100, seed=0).measure(identity(12))
    assert row["topic accuracy"] is None
    assert row["translation found"] is None


def test_rare_topics_are_not_asked_for(vectors):
    names = [f"t{i}" for i in range(40) for _ in range(40 - i)]
    rows = {split: pd.DataFrame({"topic": names}) for split in ("train", "test")}
    kept = common_topics(rows)["test"]
    assert set(kept) == {f"t{i}" for i in range(MOST_TOPICS)} | {""}
