"""Tiny random encoders of every family, with a tokenizer that splits words into pieces and reads any script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from smallbert.models.heads.fleet import Trial, finetune_all

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [f"w{i}" for i in range(40)]
CHARACTERS = list("abcdefghijklmnopqrstuvwxyz0123456789.,?'한국어뉴스ภาษาไทย🙂🚀עברית")
VOCABULARY = [*SPECIAL, *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS)]

HIDDEN = 16
SIZE = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 66, "pad_token_id": 0}
SMALL = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}

CONFIGS = {
    "bert": transformers.BertConfig(**SIZE, **SMALL),
    "xlm-roberta": transformers.XLMRobertaConfig(**SIZE, **SMALL, type_vocab_size=1),
    "roberta": transformers.RobertaConfig(**SIZE, **SMALL, type_vocab_size=1),
    "distilbert": transformers.DistilBertConfig(**SIZE, dim=HIDDEN, n_layers=2, n_heads=2, hidden_dim=32),
    "albert": transformers.AlbertConfig(**SIZE, **SMALL, embedding_size=8),
    "electra": transformers.ElectraConfig(**SIZE, **SMALL, embedding_size=8),
}


def build_tokenizer(
    family: str, more: Sequence[str] = (), *, lowercase: bool = False
) -> transformers.PreTrainedTokenizerFast:
    """WordPiece over a few whole words and single characters; RoBERTa's pairs have two separators and no types.

    Lower case strips marks as well, as BERT's uncased models do.
    """
    tokens = dict.fromkeys([*VOCABULARY, *more, *(f"##{character}" for character in more)])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pair = "[CLS] $A [SEP] [SEP] $B [SEP]" if "roberta" in family else "[CLS] $A [SEP] $B:1 [SEP]:1"
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **names)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folder of encoders, one a family, with weights far from their initial 0 and 1; ``bert-bare`` has no pooler."""
    base = tmp_path_factory.mktemp("encoders")
    generator = torch.Generator().manual_seed(11)
    for family, config in CONFIGS.items():
        with torch.random.fork_rng(devices=[]):
            model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(base / family)
        build_tokenizer(family).save_pretrained(base / family)
    bare = transformers.BertModel.from_pretrained(base / "bert", add_pooling_layer=False)
    bare.save_pretrained(base / "bert-bare")
    build_tokenizer("bert").save_pretrained(base / "bert-bare")
    return base


@pytest.fixture(scope="session")
def tokenizer():
    return build_tokenizer("bert")


@pytest.fixture(scope="session")
def make_tokenizer():
    return build_tokenizer


@pytest.fixture
def sentence(rng):
    """A function of a number of words -> a sentence of that many."""
    return lambda words: " ".join(rng.choice(WORDS, size=words))


@pytest.fixture
def tune(tmp_path) -> Callable:
    """A function of encoder, task, examples, recipe and what is asked -> what the file of the fine-tuning says, the
    predictions under ``said``."""

    def tune(encoder, task, examples, recipe, asked):
        trial = Trial("a trial", str(encoder), task, examples, {"test": asked}, recipe)
        [file] = finetune_all([trial], tmp_path / "tuned", device="cpu", jobs=1)
        found = json.loads(file.read_text(encoding="utf-8"))
        return found | {"said": found["predictions"]["test"]}

    return tune
