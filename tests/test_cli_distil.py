"""``smallbert distil``: a student from a folder of news, and mistakes told before any long work."""

import json

import pytest

from smallbert import cli

WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]
HEAD = ("distil", "--student-layers", "1", "--max-tokens", "16", "--batch-tokens", "64", "--precision", "fp32")
DEEPER = ("--student-layers", "3")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Folders of two tiny teachers of 2 layers, one with a masked-language-model head."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import BertWordPieceTokenizer

    folder = tmp_path_factory.mktemp("teachers")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertWordPieceTokenizer(str(folder / "vocab.txt")).save(str(folder / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=5 + len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    for name, kind in (("predicting", transformers.BertForMaskedLM), ("headless", transformers.BertModel)):
        kind(config).save_pretrained(folder / name)
        roles = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **roles)
        tokenizer.save_pretrained(folder / name)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, teachers):
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    rows = (f"{WORDS[i % 24]} {i},{' '.join(WORDS[(i + j) % 24] for j in range(i % 9 + 2))}\n" for i in range(150))
    (tmp_path / "news.csv").write_text("title,text\n" + "".join(rows))

    def run(teacher, *flags, out="student"):
        corpus = ("--corpus", str(tmp_path / "news.csv"), "--lang", "en")
        code = cli.main([*HEAD, "--teacher", str(teachers / teacher), *corpus, "--out", str(tmp_path / out), *flags])
        return code, capsys.readouterr()

    return run


def test_a_student_is_made_and_told_about(run, tmp_path):
    from transformers import AutoModelForMaskedLM

    code, seen = run("predicting", "--max-steps", "3")
    assert code == 0, seen.err
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "student")
    count = sum(one.numel() for one in model.parameters())
    assert f"{tmp_path / 'student'}: 1 layers, width 8, 2 heads, {count:,} parameters (" in seen.out
    assert "teacher: 100.0% of its probability at temperature 2 is on the logits that were kept" in seen.out
    assert "of the masked tokens right, agreement with the teacher" in seen.out
    again, told = run("predicting", "--max-steps", "3")
    assert again == 0 and told.out == seen.out and "distil:" not in told.err


def test_a_student_of_an_encoder_embeds(run, tmp_path):
    """Without a head: hidden states and embeddings; without --max-steps: three epochs."""
    code, seen = run("headless")
    assert code == 0, seen.err
    assert "held-out loss" in seen.out and "masked tokens" not in seen.out
    (tmp_path / "more.csv").write_text("title,text\nba,bo\nto,ko\n")
    arguments = ["embed", str(tmp_path / "more.csv"), "--encoder", str(tmp_path / "student"), "--max-tokens", "16"]
    assert cli.main([*arguments, "--out", str(tmp_path / "vectors"), "--precision", "fp32"]) == 0


@pytest.mark.parametrize(
    ("flags", "start"),
    [((), "released"), (("--student-heads", "4"), "fresh"), (("--student-hidden", "4"), "fresh"), (DEEPER, "fresh")],
)
def test_a_student_starts_from_its_teachers_layers_where_they_fit(run, tmp_path, flags, start):
    code, seen = run("predicting", "--max-steps", "1", *flags)
    assert code == 0, seen.err
    assert json.loads((tmp_path / "student" / "recipe.json").read_text())["start"] == start


@pytest.mark.parametrize(
    ("teacher", "flags", "message"),
    [
        ("headless", ("--method", "hinton"), "Method hinton needs the teacher's predictions"),
        ("predicting", ("--student-hidden", "9"), "Expected hidden to be a multiple of heads, got 9 and 2"),
        ("predicting", ("--method", "pkd"), "a student of 1 layer has none"),
        ("predicting", ("--student-hidden", "4", "--map", "top"), "hidden 4 (teacher: 8)"),
        ("predicting", ("--temperature", "0"), "a temperature above 0, got 0.0"),
    ],
)
def test_mistakes_end_before_the_corpus_is_read(run, tmp_path, teacher, flags, message):
    code, seen = run(teacher, *flags)
    assert code == 2 and message in seen.err and "Traceback" not in seen.err
    assert not (tmp_path / "cache").exists() and not (tmp_path / "student").exists()


def test_help_names_the_methods(capsys):
    with pytest.raises(SystemExit):
        cli.main(["distil", "-h"])
    assert "alone,hinton,distilbert,pkd,tinybert,tinybert-general,minilm,sentence" in capsys.readouterr().out


def test_the_choices_are_the_librarys():
    """Typed in the command, so that help loads no torch."""
    from smallbert.cli import distil
    from smallbert.compress.distill.layer_maps import COPIES
    from smallbert.compress.distill.methods import WEIGHTS
    from smallbert.compress.distill.students import EMBEDDINGS, FRESH

    assert tuple(WEIGHTS) == distil.METHODS and (FRESH, EMBEDDINGS, *COPIES) == distil.STARTS
