"""``smallbert build`` of a student: the one its edition trained, to the bit, and held to what page 5 says of it."""

import argparse

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from safetensors.torch import load_file

from smallbert import paths
from smallbert.cli import corpora, recommend
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.layer_maps import copied_layers
from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.layers import with_layers
from smallbert.results import Results
from smallbert.storage import write_json
from smallbert.studies import build_student, distillation, distillation_training, distillation_verdicts, points
from smallbert.studies.frontier_points import (
    ALONE,
    DISTIL,
    DISTILLED,
    FRONTIER,
    NEIGHBOURS,
    TEACHER,
    TRANSFER,
    student_command,
)

DESIGN = {
    "layers": 2, "hidden": 4, "widths": [], "sequence": 16, "batch": 64, "tokens": 256, "copied_tokens": 128,
    "rate": 0.003, "copied_rate": 0.001, "temperatures": [], "shares": [],
}  # fmt: skip


@pytest.fixture
def teacher(encoder, tmp_path):
    """The tiny encoder with three layers and a head for masked words."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = transformers.AutoConfig.from_pretrained(encoder, num_hidden_layers=3)
        transformers.BertForMaskedLM(config).save_pretrained(tmp_path / "teacher")
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path / "teacher")
    return tmp_path / "teacher"


@pytest.fixture
def edition(teacher, news):
    """An edition whose page 5 has trained its students; returns its results and what was trained."""
    names = {"columns": [], "lang": "en", "max_bad_rows": None, "keep_duplicates": False, "rows": None}
    corpus = corpora.corpus(argparse.Namespace(corpus=str(news), **names), {})
    given = teachers.load(str(teacher), device="cpu")
    arms = distillation.arms(distillation.Design(**DESIGN), given)
    store = distillation.tokens(corpus, given)
    trained = distillation_training.train(arms, store, str(teacher), given, seeds=2, device="cpu", workers=1)
    results = Results(paths.edition("own"), FRONTIER)
    sha256 = sources.checksum(sources.find(str(teacher)))
    about = {"pretrained": str(teacher), "encoder": {"sha256": sha256}, "corpus": {"key": corpus.key}}
    results.of("01_corpus_and_embeddings").record(**about)
    page = results.of(DISTIL)
    page.record(students=distillation_verdicts.students(trained))
    page.write_table("students", distillation_training.summary(trained))
    for panel in ("methods", "starts", "sizes"):
        path = results.edition.figures / f"{DISTIL}__{panel}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        trained.panel(panel).to_csv(path, index=False)
    run = {"stages": {DISTIL: {"parameters": DESIGN | {"sequence": 16, "probe_rows": 30, "seed": 0}}}}
    write_json(results.edition.results / "run.json", run)
    return results, trained


def write_points(results, *rows):
    common = {"page": DISTIL, "method": DISTILLED, "over": "articles", "n": None}
    table = [
        common | {"point": point, "measure": measure, "kept": kept, "command": student_command(point, results)}
        for point, measure, kept in rows
    ]
    results.write_table("points", pd.DataFrame(table))


def recommend_points(results):
    return [row for _, row in results.table("points").iterrows()]


def build(point, teacher, news, out, *more):
    parser = argparse.ArgumentParser()
    recommend.add(parser.add_subparsers())
    flags = ["--encoder", teacher, "--corpus", news, "--out", out, "--edition", "own", "--lang", "en"]
    options = parser.parse_args([str(one) for one in ["build", point, *flags, "--device", "cpu", *more]])
    return options.command(options)


def test_the_arm_of_a_name_is_trained_to_the_bit_and_held_to_its_masked_words(
    teacher, news, edition, tmp_path, capsys, monkeypatch
):
    import sentence_transformers

    results, trained = edition
    [arm] = {arm for arm, _ in trained.folders if arm.startswith("distilbert") and "2 x 4" in arm}
    losses = trained.cells[trained.cells.arm == arm].set_index("seed").loss
    assert losses[0] != losses[1]
    mean = np.exp(trained.teacher["loss"] - losses.mean())  # over both seeds, of which the first is built
    write_points(results, (points.slug(arm), TEACHER, mean))
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "another cache"))  # so that it is trained again
    assert build(points.slug(arm), teacher, news, tmp_path / "student") == 0
    assert "+0.0%, as the report says" in capsys.readouterr().out
    found, expected = (load_file(one / "model.safetensors") for one in (tmp_path / "student", trained.folders[arm, 0]))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    ours = encoders.load(str(tmp_path / "student"), precision="fp32", max_tokens=16, device="cpu")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "student"), device="cpu")
    texts = ["aa ab ba", "ca"]
    torch.testing.assert_close(
        torch.from_numpy(theirs.encode(texts)), torch.from_numpy(ours.encode(ours.tokenize(texts)))
    )
    kept = np.exp(trained.teacher["loss"] - losses[0])
    [row] = recommend_points(results)
    student = build_student.find(results, points.slug(arm), str(teacher), "cpu")
    assert build_student.first_seed(results, student, row).kept == pytest.approx(kept)
    cells = pd.read_csv(results.edition.figures / f"{DISTIL}__methods.csv")
    cells.assign(loss=cells.loss + 0.5).to_csv(results.edition.figures / f"{DISTIL}__methods.csv", index=False)
    assert build(points.slug(arm), teacher, news, tmp_path / "off") == 1


def test_the_best_of_a_size_is_held_to_its_neighbours(teacher, news, edition, tmp_path, capsys):
    results, _ = edition
    write_points(results, ("student-2-x-4", NEIGHBOURS, 0.5))
    build("student-2-x-4", "pretrain", news, tmp_path / "student", "--tolerance", 1)
    [best] = {one["method"] for one in results.of(DISTIL).values()["students"] if one["kind"] == "distilled"} - {
        "alone"
    }
    out = capsys.readouterr().out
    assert "nearest others" in out and "as the report says" in out
    assert f'"{best}"' in (tmp_path / "student" / "recipe.json").read_text()


def test_the_one_trained_alone_has_the_steps_of_the_distilled_ones(teacher, news, edition, tmp_path):
    """Of two students trained alone, one had as many operations as distilling costs: it is not the one of the name."""
    results, trained = edition
    write_points(results, ("student-alone-2-x-4", NEIGHBOURS, 0.5))
    results.write_table("points", results.table("points").assign(page=TRANSFER, method=ALONE))
    build("student-alone-2-x-4", "pretrain", news, tmp_path / "student", "--tolerance", 1)
    folders = {one["folder"] for one in results.of(DISTIL).values()["students"] if one["kind"] == "alone"}
    [made] = [folder for (_, seed), folder in trained.folders.items() if seed == 0 and any(
        str(folder).endswith(one) for one in folders)]  # fmt: skip
    found, expected = (load_file(one / "model.safetensors") for one in (tmp_path / "student", made))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_student_of_another_teacher_or_edition_is_refused(teacher, encoder, news, edition, tmp_path):
    results, _ = edition
    write_points(results, ("student-9-x-9", NEIGHBOURS, 0.5))
    with pytest.raises(UsageError, match="Expected the teacher of edition own, got another"):
        build("student-9-x-9", encoder, news, tmp_path / "out")
    with pytest.raises(UsageError, match="Expected a student of edition own") as error:
        build("student-9-x-9", teacher, news, tmp_path / "out")
    assert "smallbert distil" in error.value.hint
    results.of("01_corpus_and_embeddings").record(pretrained="elsewhere")
    with pytest.raises(UsageError, match="that edition own has pretrained on this machine"):
        build("student-9-x-9", "pretrain", news, tmp_path / "out")
    with pytest.raises(UsageError, match="of page 4 of the edition, got 'student-2-x-4'"):
        build("student-2-x-4", "pretrain", news, tmp_path / "out")


def test_dropped_layers_are_those_of_page_5(teacher, news, tmp_path):
    edition_less = ["--max-tokens", 16]
    assert build("drop-layers-2-of-3-kept", teacher, news, tmp_path / "fewer", *edition_less) == 0
    options = {"precision": "fp32", "max_tokens": 16, "device": "cpu"}
    whole, fewer = (encoders.load(str(one), **options) for one in (teacher, tmp_path / "fewer"))
    kept = copied_layers("released", 2, 3)
    ids = whole.tokenize(["aa ab ba", "ca db"])
    np.testing.assert_allclose(fewer.encode(ids), with_layers(whole, kept).encode(ids), atol=1e-6)
    with pytest.raises(UsageError, match="Expected an encoder of 4 layers, teacher has 3"):
        build("drop-layers-2-of-4-kept", teacher, news, tmp_path / "other")
