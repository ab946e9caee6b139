"""Encoders with some of their layers: equal to transformers' own model with the same layers taken out."""

import pytest
import torch
import transformers
from torch import nn

from smallbert import storage
from smallbert.compress import fewer_layers
from smallbert.errors import UsageError
from smallbert.models import interchange
from smallbert.models.shared_encoder import fresh
from smallbert.models.sizes import Sizes

SIZES = {"vocab_size": 20, "max_position_embeddings": 12}
BERT = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
CONFIGS = [
    transformers.BertConfig(**SIZES, **BERT),
    transformers.RobertaConfig(**SIZES, **BERT),
    transformers.DistilBertConfig(**SIZES, dim=8, n_layers=3, n_heads=2, hidden_dim=16),
]
IDS = torch.tensor([[3, 7, 11, 2]])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
@pytest.mark.parametrize("layers", [[0, 2], [1], [2, 0, 2]], ids=str)
def test_the_folder_is_the_model_without_the_other_layers(config, layers, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = transformers.AutoModelForMaskedLM.from_config(config).eval()
    model.save_pretrained(tmp_path / "whole")
    fewer_layers.write(tmp_path / "whole", layers, tmp_path / "fewer")
    found = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "fewer")
    stack = model.base_model.encoder if hasattr(model.base_model, "encoder") else model.base_model.transformer
    stack.layer = nn.ModuleList(stack.layer[layer] for layer in layers)
    with torch.inference_mode():
        torch.testing.assert_close(found(IDS).logits, model(IDS).logits, rtol=0, atol=1e-6)


def test_the_configuration_is_written_once_and_last(tmp_path, monkeypatch):
    """Killed before it, the folder is no encoder; with the whole one's it would be one of too few weights."""
    transformers.BertModel(CONFIGS[0]).save_pretrained(tmp_path / "whole")
    (tmp_path / "whole" / "vocab.txt").touch()
    written, write = [], storage.atomic_write
    monkeypatch.setattr(storage, "atomic_write", lambda path: written.append(path.name) or write(path))
    fewer_layers.write(tmp_path / "whole", [0, 2], tmp_path / "fewer")
    assert written == ["model.safetensors", "vocab.txt", "config.json"]


def test_layers_that_shared_weights_are_left_as_layers_of_their_own(tmp_path):
    """Three of four layers that shared attention two by two are no two groups."""
    sizes = Sizes(20, 8, 4, 2, 16, positions=12, share="attention", groups=2, pooler=False, head="mlm")
    interchange.save(fresh(sizes, 3, torch.device("cpu")), tmp_path / "whole")
    fewer_layers.write(tmp_path / "whole", [0, 1, 2], tmp_path / "fewer")
    found = interchange.load(tmp_path / "fewer", device="cpu").sizes
    assert (found.layers, found.share, found.groups) == (3, "none", 1)


def test_layers_that_are_not_there(tmp_path):
    transformers.BertModel(CONFIGS[0]).save_pretrained(tmp_path / "bert")
    with pytest.raises(UsageError, match="with a layer 3 of its own, bert has 3"):
        fewer_layers.write(tmp_path / "bert", [0, 3], tmp_path / "out")
    albert = transformers.AlbertConfig(**SIZES, **BERT, embedding_size=4)
    transformers.AlbertModel(albert).save_pretrained(tmp_path / "albert")
    with pytest.raises(UsageError, match="with a layer 0 of its own, albert has 0"):
        fewer_layers.write(tmp_path / "albert", [0], tmp_path / "out")
    assert not (tmp_path / "out").exists()
