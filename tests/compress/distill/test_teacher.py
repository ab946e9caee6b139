"""What a teacher shows against transformers' own outputs, family by family."""

import numpy as np
import pytest
import torch
import transformers

from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.attention import scores
from smallbert.errors import DataError
from smallbert.models.packed import plan


def settings(toy, family):
    shared = {"vocab_size": len(toy.VOCABULARY), "max_position_embeddings": 48}
    shared["pad_token_id"] = toy.VOCABULARY.index("<pad>")
    return {
        "bert": lambda: toy.config(),
        "roberta": lambda: transformers.RobertaConfig(**shared, **toy.SIZES, type_vocab_size=1),
        "xlm-roberta": lambda: transformers.XLMRobertaConfig(**shared, **toy.SIZES, hidden_act="relu"),
        "distilbert": lambda: transformers.DistilBertConfig(**shared, dim=32, n_layers=4, n_heads=4, hidden_dim=64),
        "albert": lambda: transformers.AlbertConfig(**shared, **toy.SIZES, embedding_size=16),
        "electra": lambda: transformers.ElectraConfig(**shared, **toy.SIZES, embedding_size=16),
    }[family]()


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta", "distilbert", "albert"])
def pair(request, toy, tmp_path_factory):
    """A family's model in transformers and as a teacher."""
    folder = tmp_path_factory.mktemp(request.param)
    toy.stir(transformers.AutoModelForMaskedLM.from_config(settings(toy, request.param))).save_pretrained(folder)
    toy.tokenizer().save_pretrained(folder)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    return model, teachers.load(str(folder), precision="fp32", device="cpu")


def read(teacher, ids, wanted, places=(), top=0):
    """Outputs of texts of one batch, in the order of the plan, and that order."""
    (batch,) = plan(np.array([len(one) for one in ids]), 10_000)
    flat = torch.from_numpy(np.concatenate([ids[row] for row in batch.rows]))
    return teacher.trace(flat, batch.groups, wanted, torch.tensor(places, dtype=torch.long), top), batch.rows


@torch.no_grad()
def test_all_outputs_equal_transformers(pair, rng):
    model, teacher = pair
    size = len(teacher.vocabulary.theirs)
    ids = [np.array([2, *rng.integers(5, size, n), 3]) for n in (3, 7, 7, 12)]
    wanted = {"hidden-0", "hidden-3", "hidden-4", "first-2", "pooled", "top", "queries-2", "keys-2"}
    found, order = read(teacher, ids, wanted, places=list(range(36 + 1)), top=size)
    start = 0
    for number, row in enumerate(order):
        theirs = torch.from_numpy(teacher.vocabulary.theirs[ids[row]])[None]
        expected = model(theirs, output_hidden_states=True, output_attentions=True)
        stop = start + len(ids[row])
        for layer in (0, 3, 4):
            torch.testing.assert_close(
                found[f"hidden-{layer}"][start:stop], expected.hidden_states[layer][0], atol=2e-5, rtol=1e-4
            )
        torch.testing.assert_close(found["first-2"][number], expected.hidden_states[2][0, 0], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(found["pooled"][number], expected.hidden_states[4][0].mean(0), atol=2e-5, rtol=1e-4)
        own = scores(found["queries-2"][None, start:stop], found["keys-2"][None, start:stop], 4).softmax(-1)
        torch.testing.assert_close(own, expected.attentions[1], atol=2e-5, rtol=1e-4)
        logits = expected.logits[0, :, torch.from_numpy(teacher.vocabulary.theirs)]
        top = logits.topk(size)
        mine = found["top-logits"][start:stop]
        torch.testing.assert_close(mine, top.values - top.values[:, :1], atol=1e-4, rtol=1e-4)
        restored = torch.empty_like(mine).scatter_(1, found["top-indices"][start:stop].long(), mine)
        torch.testing.assert_close(restored, logits - top.values[:, :1], atol=1e-4, rtol=1e-4)
        start = stop


def test_the_rest_is_what_the_softmax_gives_the_others(toy, teacher, rng):
    ids = [rng.integers(5, 30, 12)]
    whole, _ = read(teacher, ids, {"top"}, list(range(12)), top=len(toy.VOCABULARY) + 3)
    found, _ = read(teacher, ids, {"top", "rest-1", "rest-2.5"}, list(range(12)), top=4)
    for temperature in (1, 2.5):
        expected = (whole["top-logits"] / temperature).softmax(1)[:, 4:].sum(1)
        torch.testing.assert_close(found[f"rest-{temperature}"], expected, atol=1e-6, rtol=1e-5)
    assert found["rest-2.5"].mean() > found["rest-1"].mean() > 0


def test_a_head_is_found_where_there_is_one(toy, teacher, headless_teacher):
    assert teacher.head is not None and headless_teacher.head is None
    words = len(toy.VOCABULARY) + 3
    assert teacher.parameters - headless_teacher.parameters == 32 * 32 + 3 * 32 + words
    assert (teacher.layers, teacher.width, teacher.intermediate) == (4, 32, 64)


def test_other_families_and_lost_weights_are_refused(toy, tmp_path, predicting):
    transformers.ElectraForMaskedLM(settings(toy, "electra")).save_pretrained(tmp_path / "electra")
    toy.tokenizer().save_pretrained(tmp_path / "electra")
    with pytest.raises(DataError, match=r"Expected a BERT, RoBERTa, XLM-R, DistilBERT or ALBERT in .*, got electra"):
        teachers.load(str(tmp_path / "electra"), device="cpu")
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    for file in predicting.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    tensors = load_file(broken / "model.safetensors")
    del tensors["bert.encoder.layer.1.output.dense.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"1 are missing: bert\.encoder\.layer\.1\.output\.dense\.weight"):
        teachers.load(str(broken), device="cpu")
