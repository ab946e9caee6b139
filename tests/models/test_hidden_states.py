"""Hidden states without padding equal those of padded batches, and a fresh twin leaks no randomness."""

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import UsageError
from smallbert.models import hidden_states

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
SIZE = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0}
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS = {
    "bert": transformers.BertConfig(**SIZE, **SMALL),
    "albert": transformers.AlbertConfig(**SIZE, **SMALL, embedding_size=16),
    "albert-unshared": transformers.AlbertConfig(**SIZE, **SMALL, embedding_size=16, num_hidden_groups=3),
    "xlm-roberta": transformers.XLMRobertaConfig(**SIZE, **SMALL),
    "distilbert": transformers.DistilBertConfig(**SIZE, dim=32, n_layers=3, n_heads=4, hidden_dim=64),
    "electra": transformers.ElectraConfig(**SIZE, **SMALL, embedding_size=16),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("encoders")
    for family, config in CONFIGS.items():
        with torch.random.fork_rng():
            torch.manual_seed(7)
            model = transformers.AutoModel.from_config(config)
            for parameter in model.parameters():
                parameter.data += 0.1 * torch.randn(parameter.shape)
        model.save_pretrained(base / family)
        transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(base / family)
    return base


@pytest.fixture
def texts(rng):
    return [" ".join(rng.choice(WORDS[5:], size=n)) for n in (3, 1, 8, 3, 60, 3)]


@pytest.mark.parametrize("family", CONFIGS)
def test_equals_transformers_on_a_padded_batch(folders, texts, family, monkeypatch):
    monkeypatch.setattr(hidden_states, "TOKENS_PER_BATCH", 24)
    stack = hidden_states.load(str(folders / family), max_tokens=20, device="cpu")
    assert stack.layers == 3
    assert stack.shared == (family == "albert")
    ids = stack.tokenize(texts)
    assert [len(text) for text in ids] == [5, 3, 10, 5, 20, 5]
    model = transformers.AutoModel.from_pretrained(folders / family).eval()
    padded = torch.tensor([[*text, *[0] * (20 - len(text))] for text in ids])
    mask = (torch.arange(20) < torch.tensor([[len(text)] for text in ids])).long()
    with torch.inference_mode():
        states = model(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
    expected, seen = torch.stack(states), []
    for rows, found in stack.states(ids):
        assert found.shape[:2] == (4, len(rows))
        for place, row in enumerate(rows):
            torch.testing.assert_close(found[:, place], expected[:, row, : len(ids[row])], atol=2e-5, rtol=1e-4)
        seen += rows.tolist()
    assert sorted(seen) == list(range(len(texts)))


def test_a_fresh_twin_is_new_repeats_and_leaks_no_randomness(folders):
    def weights(**options):
        model = hidden_states.load(str(folders / "bert"), max_tokens=16, device="cpu", **options).model
        return model.encoder.layer[0].output.dense.weight.detach()

    torch.manual_seed(11)
    state = torch.random.get_rng_state()
    first = weights(fresh=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(12)
    assert torch.equal(first, weights(fresh=0))
    assert not torch.equal(first, weights(fresh=1))
    assert not torch.equal(first, weights())
    assert first.std().item() == pytest.approx(0.02, rel=0.1)  # BERT's initializer_range
    assert not hidden_states.load(str(folders / "bert"), max_tokens=16, fresh=0).model.training


@pytest.mark.parametrize(("family", "places"), [("bert", 40), ("xlm-roberta", 39)])
def test_texts_longer_than_the_positions_are_refused(folders, family, places):
    name = str(folders / family)
    with pytest.raises(UsageError, match=f"max_tokens between 3 and {places} for .*, got {places + 1}"):
        hidden_states.load(name, max_tokens=places + 1)
    stack = hidden_states.load(name, max_tokens=places, device="cpu")
    (_rows, states), *_ = stack.states(stack.tokenize(["w1 " * 100]))
    assert states.shape == (4, 1, places, 32)


def test_tokenizing_keeps_ids_as_they_are(folders):
    stack = hidden_states.load(str(folders / "bert"), max_tokens=5, device="cpu")
    for text, expected in zip(stack.tokenize(["w0", "w1 w2 w3 w4 w5"]), ([2, 5, 3], [2, 6, 7, 8, 3]), strict=True):
        np.testing.assert_array_equal(text, expected)
