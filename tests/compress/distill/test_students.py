from dataclasses import replace

import pytest
import torch
import transformers

from smallbert.compress.distill import students
from smallbert.compress.distill import teacher as teachers
from smallbert.errors import UsageError
from smallbert.models import encoder

CPU = torch.device("cpu")


def names(layer):
    return f"encoder.layer.{layer}."


def test_copied_tensors_equal_the_teachers(teacher, predicting, recipe):
    """Read in the teacher's own numbering; the position embeddings hold its first token type."""
    theirs = transformers.BertForMaskedLM.from_pretrained(predicting)
    student = students.build(recipe, teacher, "released", CPU)
    layers = [(0, 0), (1, 3)]
    for own, given in layers:
        ours = student.bert.encoder.layer[own].state_dict()
        expected = theirs.bert.encoder.layer[given].state_dict()
        assert ours.keys() == expected.keys() and all(torch.equal(ours[key], expected[key]) for key in ours)
    words = student.bert.embeddings.word_embeddings.weight
    back = teacher.vocabulary.rows_to_theirs(words)
    assert torch.equal(back, theirs.bert.embeddings.word_embeddings.weight)
    assert torch.equal(teacher.vocabulary.rows_to_theirs(student.cls.predictions.bias), theirs.cls.predictions.bias)
    assert student.cls.predictions.decoder.weight is words
    positions = (
        theirs.bert.embeddings.position_embeddings.weight + theirs.bert.embeddings.token_type_embeddings.weight[0]
    )
    assert torch.equal(student.bert.embeddings.position_embeddings.weight, positions[:32])
    assert not student.bert.embeddings.token_type_embeddings.weight.any()


@pytest.mark.parametrize("predicts", [True, False])
def test_embeddings_alone_leave_layers_as_they_were_drawn(teacher, recipe, monkeypatch, predicts):
    """What is copied is what a start from layers copies under them; the rest is the fresh student's."""
    if not predicts:
        monkeypatch.setattr(teacher, "head", None)
    fresh, embedded, released = (
        students.build(recipe, teacher, start, CPU).state_dict() for start in ("fresh", "embeddings", "released")
    )
    for name, ours in embedded.items():
        under = "bert.embeddings" in name or (predicts and "cls.predictions" in name)
        under |= name == "cls.predictions.decoder.weight"  # tied to the word embeddings
        assert torch.equal(ours, (released if under else fresh)[name]), name
    changed = {name.split(".")[1] for name in embedded if not torch.equal(embedded[name], fresh[name])}
    assert changed == {"embeddings", "predictions"}
    assert any(not torch.equal(embedded[name], released[name]) for name in embedded if "encoder.layer" in name)


@pytest.fixture
def full(recipe):
    return replace(recipe, layers=4, sequence_length=40, batch_tokens=400)


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "distilbert"])
def test_a_student_of_all_layers_is_the_teacher_for_every_reader(toy, tmp_path, full, family):
    """Saved, it computes in transformers what the teacher does, from the same token ids."""
    shared = {"vocab_size": len(toy.VOCABULARY), "pad_token_id": toy.VOCABULARY.index("<pad>")}
    settings = {
        "bert": lambda: toy.config(layer_norm_eps=1e-3),
        "xlm-roberta": lambda: transformers.XLMRobertaConfig(**shared, **toy.SIZES, max_position_embeddings=60),
        "distilbert": lambda: transformers.DistilBertConfig(**shared, dim=32, n_layers=4, n_heads=4, hidden_dim=64),
    }[family]()
    toy.stir(transformers.AutoModelForMaskedLM.from_config(settings)).save_pretrained(tmp_path / "teacher")
    toy.tokenizer().save_pretrained(tmp_path / "teacher")
    teacher = teachers.load(str(tmp_path / "teacher"), precision="fp32", device="cpu")
    student = students.build(full, teacher, "top", CPU)
    students.save(student, teacher.folder, teacher.vocabulary, tmp_path / "student", with_head=True)

    tokenizers = [transformers.AutoTokenizer.from_pretrained(tmp_path / one) for one in ("teacher", "student")]
    batches = [one(["ba bo <mask> to", "to"], padding=True, return_tensors="pt") for one in tokenizers]
    assert torch.equal(batches[0]["input_ids"], batches[1]["input_ids"])
    assert tokenizers[1].model_max_length == 40
    models = [
        transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / one).eval() for one in ("teacher", "student")
    ]
    asked = {key: batches[0][key] for key in ("input_ids", "attention_mask")}
    logits = [model(**asked).logits[asked["attention_mask"] == 1] for model in models]
    torch.testing.assert_close(*logits, atol=2e-4, rtol=1e-4)
    base, report = transformers.AutoModel.from_pretrained(
        tmp_path / "student", add_pooling_layer=False, output_loading_info=True
    )
    assert not report["missing_keys"] and base.config.model_type == "bert"
    vectors = [
        one.encode(one.tokenize(["ba bo to", "ma"]))
        for one in (
            encoder.load(str(tmp_path / name), max_tokens=32, precision="fp32") for name in ("teacher", "student")
        )
    ]
    torch.testing.assert_close(*map(torch.from_numpy, vectors), atol=2e-5, rtol=1e-4)


def test_a_student_of_a_headless_teacher_is_saved_without_a_head(headless_teacher, recipe, tmp_path):
    student = students.build(recipe, headless_teacher, "even", CPU)
    students.save(student, headless_teacher.folder, headless_teacher.vocabulary, tmp_path, with_head=False)
    loaded = encoder.load(str(tmp_path), max_tokens=32, precision="fp32")
    assert loaded.describe()["layer"] == 2
    with pytest.raises(UsageError, match="max_tokens between 3 and 32"):
        encoder.load(str(tmp_path), max_tokens=33)


def test_a_fresh_student_has_any_size(teacher, recipe):
    narrow = replace(recipe, hidden=24, heads=3, intermediate=48, layers=3)
    student = students.build(narrow, teacher, students.FRESH, CPU)
    size, width = len(teacher.vocabulary.theirs), 24
    layer = 4 * (width * width + width) + 2 * width * 48 + 48 + width + 4 * width
    head = width * width + width + 2 * width + size
    expected = width * (size + 32 + 2 + 2) + 3 * layer + head
    assert sum(one.numel() for one in student.parameters()) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 16}, r"hidden 16 \(teacher: 32\)"),
        ({"heads": 2}, r"heads 2 \(teacher: 4\)"),
        ({"intermediate": 32, "heads": 2}, r"heads 2 \(teacher: 4\), intermediate 32 \(teacher: 64\)"),
        ({"sequence_length": 64}, r"sequence_length 64 \(teacher: 40\)"),
        ({"layers": 5}, "a student of 1 to 4 layers"),
    ],
)
def test_layers_that_do_not_fit_are_not_copied(teacher, recipe, change, message):
    with pytest.raises(UsageError, match=message):
        students.build(replace(recipe, **change), teacher, "released", CPU)


def test_a_head_with_another_activation_is_not_copied(teacher, recipe, monkeypatch):
    monkeypatch.setattr(teacher, "head", replace(teacher.head, activation="relu"))
    with pytest.raises(UsageError, match="from its weights, got the teacher's head's activation relu"):
        students.build(recipe, teacher, "released", CPU)


def test_factorised_teachers_give_no_layers(toy, tmp_path, recipe):
    shared = {"vocab_size": len(toy.VOCABULARY), "pad_token_id": 8, "embedding_size": 16}
    config = transformers.AlbertConfig(**shared, **toy.SIZES)
    transformers.AlbertForMaskedLM(config).save_pretrained(tmp_path)
    toy.tokenizer().save_pretrained(tmp_path)
    albert = teachers.load(str(tmp_path), precision="fp32", device="cpu")
    with pytest.raises(UsageError, match="factorised embeddings, the teacher's activation gelu_tanh") as caught:
        students.build(recipe, albert, "top", CPU)
    assert caught.value.hint.startswith("Start it fresh")
