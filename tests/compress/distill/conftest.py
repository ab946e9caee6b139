"""A tiny teacher whose special tokens stand where ours do not, and a corpus in its language."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.train import encode
from smallbert.models.recipe import PretrainRecipe

WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]
VOCABULARY = [*WORDS[:7], "<s>", "<pad>", *WORDS[7:20], "<mask>", "</s>", *WORDS[20:], "<unk>", "unused"]
ROLES = {
    "pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
}  # fmt: skip
SIZES = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}


def config(**changes) -> transformers.BertConfig:
    pad = VOCABULARY.index("<pad>")
    settings = {"vocab_size": len(VOCABULARY) + 3, "max_position_embeddings": 40, "pad_token_id": pad}
    return transformers.BertConfig(**SIZES, **settings, attn_implementation="eager", **changes)


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [(name, VOCABULARY.index(name)) for name in ("<s>", "</s>")]
    raw.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=special)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **ROLES)


def stir(model: torch.nn.Module, size: float = 0.15) -> torch.nn.Module:
    """Move every weight away from its initial 0 or 1."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)
    return model.eval()


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The pieces tiny teachers are made of."""
    return SimpleNamespace(VOCABULARY=VOCABULARY, SIZES=SIZES, config=config, stir=stir, tokenizer=tokenizer)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small gain nothing from a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Texts that draw from one pair of words each, of 3 to 40 words; one quotes the special tokens."""
    rng = np.random.default_rng(5)
    pairs = rng.integers(len(WORDS) // 2, size=160)
    made = [" ".join(WORDS[2 * pair + i] for i in rng.integers(2, size=rng.integers(3, 40))) for pair in pairs]
    return [*made[:-1], "ba <s> bo <mask> xx </s> ba"]


@pytest.fixture(scope="session")
def predicting(tmp_path_factory):
    """Folder of a teacher with a masked-language-model head that says different words at different places."""
    folder = tmp_path_factory.mktemp("predicting")
    model = stir(transformers.BertForMaskedLM(config()))
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight *= 4
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def headless(tmp_path_factory):
    """Folder of a teacher that embeds texts and predicts nothing."""
    folder = tmp_path_factory.mktemp("headless")
    stir(transformers.BertModel(config())).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def teacher(predicting):
    return teachers.load(str(predicting), precision="fp32", device="cpu")


@pytest.fixture(scope="session")
def headless_teacher(headless):
    return teachers.load(str(headless), precision="fp32", device="cpu")


@pytest.fixture(scope="session")
def store(texts, teacher, tmp_path_factory):
    return encode(texts, teacher, tmp_path_factory.mktemp("store"))


@pytest.fixture
def recipe():
    """A student of the teacher's width, and half its layers, for 6 steps of 8 rows."""
    return PretrainRecipe(
        layers=2,
        hidden=32,
        heads=4,
        intermediate=64,
        vocabulary_size=len(VOCABULARY) + 3,
        sequence_length=32,
        batch_tokens=256,
        tokens=256 * 6,
        learning_rate=3e-3,
        evaluations=2,
        precision="fp32",
    )
