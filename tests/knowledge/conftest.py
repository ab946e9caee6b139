"""A small world with its graph, and encoders of both families with weights far from their first values."""

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from smallbert.corpus.world import World
from smallbert.knowledge import world as worlds
from smallbert.knowledge.given import Giver
from smallbert.knowledge.linking import Dictionary

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,"
SIZE = {
    "vocab_size": len(SPECIAL) + 2 * len(LETTERS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 256,
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture(scope="session")
def world():
    return World(7, languages=("en",))


@pytest.fixture(scope="session")
def graph(world):
    return worlds.graph(world, "en")


@pytest.fixture(scope="session")
def giver(graph):
    return Giver(graph, Dictionary(graph))


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of encoders with characters as tokens: ``bert``, ``albert`` and ``grouped``, an ALBERT of two groups."""
    base = tmp_path_factory.mktemp("encoders")
    tokens = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    raw = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **names)
    generator = torch.Generator().manual_seed(11)
    grouped = {**SIZE, "num_hidden_layers": 4, "num_hidden_groups": 2, "embedding_size": 8}
    configs = {
        "bert": transformers.BertConfig(**SIZE),
        "albert": transformers.AlbertConfig(**SIZE, embedding_size=8),
        "grouped": transformers.AlbertConfig(**grouped),
    }
    for name, config in configs.items():
        with torch.random.fork_rng(devices=[]):
            model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(base / name)
        tokenizer.save_pretrained(base / name)
    return base
