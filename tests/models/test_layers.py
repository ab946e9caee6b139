"""Some layers of an encoder against transformers running these layers."""

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.models.layers import with_layers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "initializer_range": 0.3}
        model = transformers.BertModel(transformers.BertConfig(vocab_size=9, num_hidden_layers=4, **sizes))
    model.save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


def test_layers_run_in_the_order_given(folder):
    encoder = encoders.load(str(folder), max_tokens=16, precision="fp32", device="cpu")
    ids = encoder.tokenize(["a b c", "d"])
    fewer = with_layers(encoder, [3, 1])
    model = transformers.AutoModel.from_pretrained(folder).eval()
    model.encoder.layer = torch.nn.ModuleList([model.encoder.layer[layer] for layer in (3, 1)])
    with torch.no_grad():
        expected = [model(torch.from_numpy(one).long()[None]).last_hidden_state[0].mean(0).numpy() for one in ids]
    np.testing.assert_allclose(fewer.encode(ids), expected, atol=1e-5)
    assert fewer.sha256 != encoder.sha256 != with_layers(encoder, [1, 3]).sha256
    np.testing.assert_array_equal(with_layers(encoder, range(4)).encode(ids), encoder.encode(ids))


def test_what_is_not_there_is_refused(folder):
    encoder = encoders.load(str(folder), max_tokens=16, precision="fp32", device="cpu")
    with pytest.raises(UsageError, match="Expected layers from 0 to 3, got 4"):
        with_layers(encoder, [0, 4])
    with pytest.raises(UsageError, match="Expected an encoder of the BERT family, got bert"):
        with_layers(encoder.with_forward(lambda ids, groups: None, sha256="0"), [0])
