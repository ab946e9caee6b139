"""Trimmed encoders against transformers: kept rows and outputs to the bit, in every family, and mistakes refused."""

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from smallbert.compress.vocabulary import Vocabulary, check_free, stored
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SPECIAL = {
    "WordPiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "Unigram": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "BPE": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
}
ROLES = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
FAMILIES = {
    "bert": ("WordPiece", transformers.BertForMaskedLM, transformers.BertConfig, SMALL),
    "distilbert": (
        "WordPiece",
        transformers.DistilBertForMaskedLM,
        transformers.DistilBertConfig,
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
    ),
    "xlm-roberta": ("Unigram", transformers.XLMRobertaForMaskedLM, transformers.XLMRobertaConfig, SMALL),
    "albert": ("Unigram", transformers.AlbertForMaskedLM, transformers.AlbertConfig, SMALL | {"embedding_size": 16}),
    "roberta": ("BPE", transformers.RobertaForMaskedLM, transformers.RobertaConfig, SMALL),
}


def texts(seed, count):
    """Texts of words that repeat, so that a vocabulary has something to learn and something to leave out."""
    rng = np.random.default_rng(seed)
    words = ["".join(np.random.default_rng(n).choice(list("abcdefgh"), size=2 + n % 7)) for n in range(400)]
    chances = 1 / np.arange(1, 401)
    return [" ".join(rng.choice(words, size=12, p=chances / chances.sum())) for _ in range(count)]


def tokenizer(algorithm):
    special = SPECIAL[algorithm]
    if algorithm == "WordPiece":
        raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif algorithm == "Unigram":
        raw = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False
        )
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
    else:
        raw = Tokenizer(models.BPE())
        letters = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, initial_alphabet=letters, show_progress=False
        )
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.train_from_iterator(texts(1, 300), trainer)
    roles = dict(
        zip(ROLES, special if algorithm != "WordPiece" else [special[i] for i in (2, 0, 3, 1, 4)], strict=True)
    )
    cls, sep = roles["cls_token"], roles["sep_token"]
    raw.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}", special_tokens=[(cls, raw.token_to_id(cls)), (sep, raw.token_to_id(sep))]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=64, **roles)


def ids_of(fast):
    return {role.replace("token", "token_id"): getattr(fast, f"{role}_id") for role in ROLES[:3]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Family -> folder of a random model with its head; no weight is 0, and the word table has rows to spare."""
    base = tmp_path_factory.mktemp("encoders")
    generator = torch.Generator().manual_seed(5)
    for family, (algorithm, model, config, sizes) in FAMILIES.items():
        fast = tokenizer(algorithm)
        made = model(config(vocab_size=len(fast) + 7, max_position_embeddings=70, **ids_of(fast), **sizes))
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
        made.save_pretrained(base / family, max_shard_size="20KB" if family == "bert" else "5GB")
        fast.save_pretrained(base / family)
    assert len(list((base / "bert").glob("*.safetensors"))) > 1
    return base


@pytest.fixture(scope="module")
def trimmed(folders, tmp_path_factory):
    """Family -> vocabulary before, kept ids, vocabulary after."""
    made = {}
    for family in FAMILIES:
        before = Vocabulary(folders / family)
        kept = before.keep(before.count(texts(2, 200)), coverage=0.9)
        made[family] = before, kept, before.trim(kept, tmp_path_factory.mktemp("small") / family)
    return made


def inputs(before, kept):
    """Ids, with special tokens, of texts all of whose tokens are kept."""
    fast = transformers.AutoTokenizer.from_pretrained(before.folder)
    found = [text for text in texts(3, 400) + texts(4, 2000) if set(fast(text)["input_ids"]) <= set(kept.tolist())]
    assert len(found) > 3
    return found[:12]


@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_on_kept_tokens_are_equal_to_the_bit(trimmed, family):
    before, kept, after = trimmed[family]
    assert len(after) == after.rows == len(kept) < len(before) < before.rows
    old_cut, new_cut = (transformers.AutoTokenizer.from_pretrained(one.folder) for one in (before, after))
    old, new = (transformers.AutoModel.from_pretrained(one.folder).eval() for one in (before, after))
    assert new.config.vocab_size == len(kept)
    assert torch.equal(new.get_input_embeddings().weight, old.get_input_embeddings().weight[kept])
    found = inputs(before, kept)
    for text in found:
        ids = new_cut(text)["input_ids"]
        assert kept[ids].tolist() == old_cut(text)["input_ids"]
        with torch.inference_mode():
            theirs = old(torch.from_numpy(kept[None, ids]), output_hidden_states=True).hidden_states
            ours = new(torch.tensor([ids]), output_hidden_states=True).hidden_states
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    batches = (cut(found, padding=True, return_tensors="pt") for cut in (old_cut, new_cut))
    with torch.inference_mode():
        theirs, ours = (model(**batch).last_hidden_state for model, batch in zip((old, new), batches, strict=True))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_project_s_encoder_gives_the_same_vectors(trimmed, family):
    before, kept, after = trimmed[family]
    found, vectors = inputs(before, kept), []
    for one in (before, after):
        loaded = encoder.load(str(one.folder), max_tokens=60, precision="fp32", device="cpu")
        assert loaded.describe()["fast"]
        vectors.append(loaded.encode(loaded.tokenize(found)))
    np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_predicts_kept_tokens_in_the_same_proportions(trimmed, family):
    """Every kept token's probability grows by one factor, which is so only if each has its own row and its own bias."""
    before, kept, after = trimmed[family]
    old, new = (transformers.AutoModelForMaskedLM.from_pretrained(one.folder).eval() for one in (before, after))
    assert torch.equal(new.get_output_embeddings().weight, old.get_output_embeddings().weight[kept])
    assert torch.equal(new.get_output_embeddings().bias, old.get_output_embeddings().bias[kept])
    ids = transformers.AutoTokenizer.from_pretrained(after.folder)(inputs(before, kept)[0])["input_ids"]
    with torch.inference_mode():
        theirs = old(torch.from_numpy(kept[None, ids])).logits.double().log_softmax(-1)[..., kept]
        ours = new(torch.tensor([ids])).logits.double().log_softmax(-1)
    growth = ours - theirs
    assert growth.min() > 0
    torch.testing.assert_close(growth, growth.mean(-1, keepdim=True).expand_as(growth), atol=1e-5, rtol=0)


def test_other_weights_are_the_same_files_bits(trimmed):
    before, _kept, after = trimmed["bert"]
    old = {name: tensor for path in before.folder.glob("*.safetensors") for name, tensor in load_file(path).items()}
    new = load_file(after.folder / "model.safetensors")
    assert set(new) == set(old)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias"}
    assert stored(after.folder)[0] == sum(tensor.numel() for tensor in new.values())
    assert stored(before.folder)[0] - stored(after.folder)[0] == 33 * (before.rows - after.rows)


def test_coverage_takes_the_fewest_of_the_most_frequent_tokens(folders):
    vocabulary = Vocabulary(folders / "bert")
    counts = vocabulary.count(texts(2, 200))
    assert counts.sum() == sum(
        len(vocabulary.tokenizer.encode(text, add_special_tokens=False)) for text in texts(2, 200)
    )
    letters = {vocabulary.tokenizer.token_to_id(f"{mark}{letter}") for letter in "abcdefgh" for mark in ("", "##")}
    frequent = np.lexsort((np.arange(len(counts)), -counts))
    for coverage in (0.3, 0.8, 0.95, 1.0):
        kept = vocabulary.keep(counts, coverage=coverage)
        shares = np.cumsum(counts[frequent]) / counts.sum()
        expected = set(frequent[: np.argmax(shares >= coverage) + 1].tolist()) | set(range(5))
        assert expected <= set(kept.tolist()) <= expected | letters
        assert counts[kept].sum() >= coverage * counts.sum()
    assert set(kept.tolist()) == set(np.flatnonzero(counts).tolist()) | set(range(5)) | letters


def test_a_number_of_tokens_is_an_upper_limit(folders):
    vocabulary = Vocabulary(folders / "bert")
    counts = vocabulary.count(texts(2, 200))
    sizes = [len(vocabulary.keep(counts, tokens=limit)) for limit in (30, 100, 101, 200)]
    assert all(limit - 16 < size <= limit for limit, size in zip((30, 100, 101, 200), sizes, strict=True))
    assert len(vocabulary.keep(counts, tokens=len(vocabulary) - 1)) < len(vocabulary)


def test_counting_streams(folders):
    vocabulary, seen = Vocabulary(folders / "bert"), []
    found = texts(2, 1500)
    counts = vocabulary.count((text for text in found), advance=seen.append)
    assert seen == [1024, 476]
    np.testing.assert_array_equal(counts, vocabulary.count(found[:700]) + vocabulary.count(found[700:]))


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_padding_moves_but_not_where_positions_count_from_it(tmp_path, family):
    _, model, config, sizes = FAMILIES[family]
    names = [
        "[unused0]",
        "[unused1]",
        *SPECIAL["WordPiece"],
        "[unused2]",
        *"abcdefgh",
        *(f"##{one}" for one in "abcdefgh"),
    ]
    raw = Tokenizer(models.WordPiece({name: id for id, name in enumerate(names)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]")
    model(config(vocab_size=len(names), max_position_embeddings=20, pad_token_id=2, **sizes)).save_pretrained(tmp_path)
    fast.save_pretrained(tmp_path)
    vocabulary = Vocabulary(tmp_path)
    small = vocabulary.trim(vocabulary.keep(vocabulary.count(["abc"]), coverage=1), tmp_path / "small").folder
    config = transformers.AutoConfig.from_pretrained(small)
    assert config.pad_token_id == {"bert": 0, "roberta": 2}[family]
    assert config.vocab_size == {"bert": 5, "roberta": 7}[family]
    outputs = []
    for folder in (tmp_path, small):
        batch = transformers.AutoTokenizer.from_pretrained(folder)(["abc", "a"], padding=True, return_tensors="pt")
        with torch.inference_mode():
            states = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval().base_model(**batch)
        outputs.append(states.last_hidden_state)
    assert torch.equal(*outputs)


def test_a_trimmed_encoder_can_be_trimmed_again(trimmed, tmp_path):
    _before, _kept, after = trimmed["albert"]
    twice = after.trim(after.keep(after.count(texts(2, 50)), coverage=0.5), tmp_path / "twice")
    assert len(twice) < len(after)


def test_what_a_kill_has_left_is_written_over(trimmed, tmp_path, monkeypatch):
    before, kept, after = trimmed["bert"]

    def die(path, value):
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr("smallbert.compress.vocabulary.storage.write_json", die)
        before.trim(kept, tmp_path)
    (tmp_path / ".model.safetensors.x.part").write_bytes(b"half")
    with pytest.raises(DataError, match=r"it has no config\.json"):
        Vocabulary(tmp_path)
    before.trim(kept, tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files == {path.name: path.read_bytes() for path in after.folder.iterdir()}


@pytest.mark.parametrize("request_", [{}, {"coverage": 0.5, "tokens": 100}])
def test_coverage_or_tokens(folders, request_):
    with pytest.raises(UsageError, match="either a coverage or a number of tokens"):
        Vocabulary(folders / "bert").keep(np.ones(1), **request_)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.01, float("nan")])
def test_coverage_out_of_range(folders, coverage):
    with pytest.raises(UsageError, match=f"coverage above 0 and at most 1, got {coverage}"):
        Vocabulary(folders / "bert").keep(np.ones(1), coverage=coverage)


@pytest.mark.parametrize("tokens", [4, 300])
def test_tokens_out_of_range(folders, tokens):
    with pytest.raises(UsageError, match=f"from 5 tokens, which are always kept, to 299; got {tokens}"):
        Vocabulary(folders / "bert").check(None, tokens)


def test_a_corpus_without_text(folders):
    vocabulary = Vocabulary(folders / "bert")
    for corpus in ([], ["", "  "], ["語 語"]):
        with pytest.raises(DataError, match="corpus with text to count tokens in"):
            vocabulary.keep(vocabulary.count(corpus), coverage=1)


def test_an_encoder_is_not_overwritten(folders, tmp_path):
    check_free(tmp_path)
    with pytest.raises(UsageError, match="Expected a folder without an encoder"):
        check_free(folders / "bert")


def test_another_family_is_refused(tmp_path):
    fast = tokenizer("WordPiece")
    transformers.ElectraModel(transformers.ElectraConfig(vocab_size=300, embedding_size=16, **SMALL)).save_pretrained(
        tmp_path
    )
    fast.save_pretrained(tmp_path)
    with pytest.raises(DataError, match="bert, roberta, xlm-roberta, distilbert, albert; got electra"):
        Vocabulary(tmp_path)


def test_a_slow_tokenizer_is_refused(folders, monkeypatch):
    slow = type("SlowTokenizer", (), {"is_fast": False})()
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: slow)
    with pytest.raises(DataError, match=r"fast tokenizer .* got SlowTokenizer"):
        Vocabulary(folders / "bert")


def test_weights_of_another_vocabulary_are_refused(tmp_path):
    transformers.BertModel(transformers.BertConfig(vocab_size=200, **SMALL)).save_pretrained(tmp_path)
    tokenizer("WordPiece").save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"the 200 rows that config\.json says, enough for tokens up to 299"):
        Vocabulary(tmp_path)


def test_damaged_weights_are_named(folders, tmp_path):
    transformers.AutoConfig.from_pretrained(folders / "bert").save_pretrained(tmp_path)
    tokenizer("WordPiece").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(DataError, match=r"model\.safetensors holds no weights"):
        Vocabulary(tmp_path)
