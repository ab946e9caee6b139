"""Closed-form counts against live models on the meta device, group by group, and against recorded integers."""

import re
from collections import Counter
from dataclasses import asdict, replace

import pytest
import torch
import transformers as hf

from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import presets
from smallbert.models.parameters import break_even, count, factorised
from smallbert.models.presets import ALBERT_BASE, BERT_BASE, PRESETS
from smallbert.models.sizes import Sizes, from_config

MBERT = "google-bert/bert-base-multilingual-cased"
SMALL = Sizes(vocabulary=50, hidden=12, layers=6, heads=3, intermediate=20, positions=9)
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
MINILM = {"hidden_size": 384, "intermediate_size": 1536}
ALBERT = {"embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}

# What the config.json of each hub id says where it differs from the class's defaults.
CONFIGS = {
    "google-bert/bert-base-uncased": hf.BertConfig(),
    "google-bert/bert-base-cased": hf.BertConfig(vocab_size=28996),
    "google-bert/bert-large-uncased": hf.BertConfig(**LARGE),
    MBERT: hf.BertConfig(vocab_size=119547),
    "google-bert/bert-base-multilingual-uncased": hf.BertConfig(vocab_size=105879),
    "albert/albert-base-v2": hf.AlbertConfig(**ALBERT),
    "albert/albert-large-v2": hf.AlbertConfig(embedding_size=128, **LARGE),
    "albert/albert-xlarge-v2": hf.AlbertConfig(
        hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, intermediate_size=8192
    ),
    "albert/albert-xxlarge-v2": hf.AlbertConfig(),
    "distilbert/distilbert-base-uncased": hf.DistilBertConfig(),
    "distilbert/distilbert-base-multilingual-cased": hf.DistilBertConfig(vocab_size=119547),
    "huawei-noah/TinyBERT_General_4L_312D": hf.BertConfig(hidden_size=312, num_hidden_layers=4, intermediate_size=1200),
    "huawei-noah/TinyBERT_General_6L_768D": hf.BertConfig(num_hidden_layers=6),
    "microsoft/MiniLM-L12-H384-uncased": hf.BertConfig(**MINILM),
    "nreimers/MiniLM-L6-H384-uncased": hf.BertConfig(num_hidden_layers=6, **MINILM),
    "MiniLM-L6-H768-uncased": hf.BertConfig(num_hidden_layers=6),
    "sentence-transformers/all-MiniLM-L6-v2": hf.BertConfig(num_hidden_layers=6, **MINILM),
    "microsoft/Multilingual-MiniLM-L12-H384": hf.BertConfig(vocab_size=250037, **MINILM),
    "FacebookAI/xlm-roberta-base": hf.XLMRobertaConfig(
        vocab_size=250002, max_position_embeddings=514, type_vocab_size=1
    ),
    "openai-community/openai-gpt": hf.OpenAIGPTConfig(),
}
CLASSES = {
    "bert": {"none": hf.BertModel, "mlm": hf.BertForMaskedLM, "pretraining": hf.BertForPreTraining},
    "albert": {"none": hf.AlbertModel, "mlm": hf.AlbertForMaskedLM, "pretraining": hf.AlbertForPreTraining},
    "distilbert": {"none": hf.DistilBertModel, "mlm": hf.DistilBertForMaskedLM},
    "xlm-roberta": {"none": hf.XLMRobertaModel, "mlm": hf.XLMRobertaForMaskedLM},
    "openai-gpt": {"none": hf.OpenAIGPTModel, "lm": hf.OpenAIGPTLMHeadModel},
}
# The first rule that is found in a parameter's name says its group.
GROUPS = {
    "heads": r"^(cls|predictions|sop_classifier|vocab_|lm_head)",
    "pooler": r"pooler",
    "words": r"word_embeddings|tokens_embed",
    "positions": r"position_embeddings|positions_embed",
    "types": r"token_type_embeddings",
    "embedding_norm": r"embeddings\.LayerNorm",
    "factor_map": r"embedding_hidden_mapping_in",
    "norms": r"LayerNorm|layer_norm|ln_\d",
    "attention": r"attention|attn",
    "feed_forward": r"intermediate|output\.dense|ffn|mlp",
}


def live(config, head: str = "none"):
    with torch.device("meta"):
        return CLASSES[config.model_type][head](config)


def grouped(model) -> dict[str, int]:
    """Elements by group; ``named_parameters`` gives a tied or shared parameter once."""
    found = Counter(dict.fromkeys(GROUPS, 0))
    words = model.get_input_embeddings().weight  # XLM-R registers it under its head first
    for name, parameter in model.named_parameters():
        group = next(group for group, pattern in GROUPS.items() if re.search(pattern, name))
        found["words" if parameter is words else group] += parameter.numel()
    return dict(found)


def with_head(sizes: Sizes, head: str) -> Sizes:
    """As transformers builds it: a model for masked tokens has no pooler."""
    return replace(sizes, head=head, pooler=sizes.pooler and head != "mlm")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_what_their_configurations_say(name):
    assert from_config(CONFIGS[name]) == PRESETS[name]


@pytest.mark.parametrize("name", PRESETS)
def test_every_group_equals_the_live_models(name):
    config = CONFIGS[name]
    for head in CLASSES[config.model_type]:
        closed = count(with_head(PRESETS[name], head))
        model = live(config, head)
        assert asdict(closed) == grouped(model), head
        assert closed.total == sum(parameter.numel() for parameter in model.parameters())


# Measured once with transformers 5.23.0: without pooler, with pooler, MLM head without pooler, heads of pretraining.
INTEGERS = {
    "bert-base-uncased": (108_891_648, 109_482_240, 109_514_298, 110_106_428),
    "bert-base-cased": (107_719_680, 108_310_272, 108_340_804, 108_932_934),
    "bert-large-uncased": (334_092_288, 335_141_888, 335_174_458, 336_226_108),
    "bert-base-multilingual-cased": (177_262_848, 177_853_440, 177_974_523, 178_566_653),
    "bert-base-multilingual-uncased": (166_765_824, 167_356_416, 167_463_831, 168_055_961),
    "albert-base-v2": (11_092_992, 11_683_584, 11_221_680, 11_813_810),
    "albert-large-v2": (16_634_368, 17_683_968, 16_795_824, 17_847_474),
    "albert-xlarge-v2": (54_528_512, 58_724_864, 54_821_040, 59_021_490),
    "albert-xxlarge-v2": (205_814_272, 222_595_584, 206_368_944, 223_158_450),
    "TinyBERT_General_4L_312D": (14_252_592, 14_350_248, 14_381_394, 14_479_676),
    "TinyBERT_General_6L_768D": (66_364_416, 66_955_008, 66_987_066, 67_579_196),
}
BARE = {
    "distilbert-base-uncased": (66_362_880, 66_985_530),
    "distilbert-base-multilingual-cased": (134_734_080, 135_445_755),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_counts_are_the_recorded_integers(name):
    sizes = presets.sizes(name)
    bare = replace(sizes, pooler=False)
    found = (bare, sizes, replace(bare, head="mlm"), replace(sizes, head="pretraining"))
    assert tuple(count(one).total for one in found) == INTEGERS[name]


@pytest.mark.parametrize("name", BARE)
def test_distilberts_have_no_pooler(name):
    sizes = presets.sizes(name)
    assert (count(sizes).total, count(replace(sizes, head="mlm")).total) == BARE[name]


def test_other_recorded_integers():
    assert count(presets.sizes("openai-gpt")).total == 116_534_784
    assert count(presets.sizes("xlm-roberta-base")).total == 278_043_648
    assert count(presets.sizes("Multilingual-MiniLM-L12-H384")).total == 117_653_760
    # google-research/bert pull request 1122, counted with an older transformers: MLM head and pooler.
    assert count(replace(presets.sizes(MBERT), head="mlm")).total == 178_565_115


def test_mbert_is_bert_base_with_another_vocabulary():
    base, multilingual = count(BERT_BASE), count(presets.sizes(MBERT))
    assert multilingual.total - multilingual.words == base.total - base.words == 86_041_344
    assert multilingual.words / multilingual.total == pytest.approx(0.516, abs=5e-4)


@pytest.mark.parametrize(("width", "unshared", "shared"), [(128, 101.1, 23.1), (64, 93.4, 15.4), (768, 178.4, 100.5)])
def test_mbert_factorised_and_shared(width, unshared, shared):
    sizes = replace(presets.sizes(MBERT), embedding=width)
    found = [count(replace(sizes, share=share)).total / 1e6 for share in ("none", "all")]
    assert [round(one, 1) for one in found] == [unshared, shared]


def tie(model, parts: tuple[str, ...], groups: int) -> None:
    """Let the layers of a group hold one object of each part."""
    layers = [group.albert_layers[0] for group in model.encoder.albert_layer_groups]
    length = len(layers) // groups
    for index, layer in enumerate(layers):
        for part in parts:
            setattr(layer, part, getattr(layers[index // length * length], part))


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize(
    ("share", "parts"),
    [
        ("attention", ("attention",)),
        ("ffn", ("ffn", "ffn_output", "full_layer_layer_norm")),
        ("all", ("attention", "ffn", "ffn_output", "full_layer_layer_norm")),
    ],
)
def test_sharing_equals_a_live_model_with_tied_parts(share, parts, groups):
    config = hf.AlbertConfig(
        vocab_size=50, embedding_size=8, hidden_size=12, num_hidden_layers=6, num_hidden_groups=6,
        num_attention_heads=3, intermediate_size=20, max_position_embeddings=9,
    )  # fmt: skip
    model = live(config)
    assert grouped(model) == asdict(count(replace(SMALL, embedding=8)))
    tie(model, parts, groups)
    assert grouped(model) == asdict(count(replace(SMALL, embedding=8, share=share, groups=groups)))


def test_a_shared_half_weighs_what_alberts_table_4_implies():
    def saved(share):
        return (count(replace(BERT_BASE, share="none")).total - count(replace(BERT_BASE, share=share)).total) / 11

    assert (saved("attention"), saved("ffn"), saved("all")) == (2_363_904, 4_723_968, 2_363_904 + 4_723_968)


@pytest.mark.parametrize(("groups", "inner"), [(1, 2), (3, 1), (2, 2)])
def test_albert_groups_and_inner_layers(groups, inner):
    config = hf.AlbertConfig(
        vocab_size=50, embedding_size=12, hidden_size=12, num_hidden_layers=6, num_hidden_groups=groups,
        inner_group_num=inner, num_attention_heads=3, intermediate_size=20,
    )  # fmt: skip
    sizes = from_config(config)
    assert asdict(count(sizes)) == grouped(live(config))
    assert sizes.layers == 6 * inner
    assert count(sizes).factor_map == 13 * 12  # the map stays where E = H


def test_positions_of_width_h_round_to_what_albert_prints():
    # An inference: no source says so. Table 1 prints 12, 18 and 60 million, Table 12 225 million for the last.
    found = [presets.sizes(f"albert-{size}-v2") for size in ("base", "large", "xlarge", "xxlarge")]
    wide = [count(replace(sizes, position_width=sizes.hidden)).total / 1e6 for sizes in found]
    assert [round(one) for one in wide] == [12, 18, 60, 225]


def test_bytes_follow_the_format():
    assert count(BERT_BASE).nbytes() == {"fp32": 437_928_960, "bf16": 218_964_480, "int8": 109_482_240}


def test_groups_sum_to_the_total():
    found = count(ALBERT_BASE)
    assert sum(found.by_group().values()) == found.total == found.embeddings + found.layers + found.pooler
    assert list(found.by_group())[:2] == ["word embeddings", "position embeddings"]


def test_the_worked_example_of_factorisation():
    assert 10_000 * 1_024 == 10_240_000
    assert factorised(10_000, 1_024, 512) == 5_644_288
    assert factorised(10_000, 1_024, 128) == 1_411_072
    assert break_even(10_000, 1_024) == pytest.approx(928.9, abs=0.05)
    assert break_even(119_547, 768) == pytest.approx(763.1, abs=0.05)


@pytest.mark.parametrize(("vocabulary", "hidden"), [(10_000, 1_024), (119_547, 768), (30_000, 4_096)])
def test_factorising_pays_just_below_the_break_even(vocabulary, hidden):
    last = int(break_even(vocabulary, hidden))
    plain = vocabulary * hidden
    assert factorised(vocabulary, hidden, last) <= plain < factorised(vocabulary, hidden, last + 1)
    assert factorised(vocabulary, hidden, 64, bias=True) - factorised(vocabulary, hidden, 64) == hidden


def test_the_factorised_embedding_is_the_live_models():
    found = count(ALBERT_BASE)
    assert found.words + found.factor_map == factorised(30_000, 768, 128, bias=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "Expected hidden to be a multiple of heads, got 12 and 5"),
        ({"embedding": 13}, "Expected embedding of at most hidden, 12; got 13"),
        ({"embedding": 0}, "Expected embedding as a whole number of at least 1, got 0"),
        ({"share": "both"}, "Expected share out of none, attention, ffn, all; got 'both'"),
        ({"head": "qa"}, "Expected head out of none, mlm, pretraining, lm; got 'qa'"),
        ({"share": "all", "groups": 4}, "Expected groups to divide layers, got 4 groups of 6 layers"),
        ({"groups": 2}, "Expected groups only where layers share; got 2 groups and share none"),
        ({"position_width": 5}, "Expected position_width as that of the embeddings, 12, or hidden, 12; got 5"),
        ({"pooler": False, "head": "pretraining"}, "Expected a pooler under the head pretraining"),
        ({"layers": 0}, "Expected layers as a whole number of at least 1, got 0"),
        ({"hidden": 12.0}, r"Expected hidden as a whole number of at least 1, got 12\.0"),
        ({"vocabulary": True}, "Expected vocabulary as a whole number of at least 1, got True"),
    ],
)
def test_impossible_sizes_say_what_was_expected(change, message):
    with pytest.raises(UsageError, match=message):
        replace(SMALL, **change)


def test_no_positions_and_no_types_are_possible():
    found = count(replace(SMALL, positions=0, types=0))
    assert found.positions == found.types == 0


@pytest.mark.parametrize("name", ["bert-base-multilingual-cased", "BERT-base-multilingual-cased", MBERT])
def test_names_are_found_without_owner_and_network(name):
    assert presets.sizes(name) is PRESETS[MBERT]


def test_minilm_is_the_installed_package():
    assert count(presets.sizes("minilm")).total == 22_713_216


def test_a_folder_is_read_before_a_preset_and_needs_no_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = hf.DistilBertConfig(vocab_size=77, dim=12, n_heads=3, n_layers=2, hidden_dim=20)
    config.save_pretrained("bert-base-uncased")
    assert presets.sizes("bert-base-uncased") == from_config(config)


def test_another_owners_model_of_the_same_name_is_not_the_preset():
    with pytest.raises(MachineError, match=r"'someone/bert-base-uncased' is no folder here and no preset") as caught:
        presets.sizes("someone/bert-base-uncased")
    assert "Did you mean google-bert/bert-base-uncased" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"has no config\.json"),
        ("{", r"Expected a readable config\.json|cannot be read"),
        ('{"model_type": "unheard-of"}', "cannot be read"),
        ('{"model_type": "bert", "vocab_size": "many"}', "cannot be read"),
        ('{"model_type": "bert", "num_attention_heads": 5}', "multiple of heads, got 768 and 5"),
        ('{"model_type": "bert", "hidden_size": -8}', "Expected hidden as a whole number"),
        ('{"model_type": "gpt2"}', "Expected an encoder of the family bert, .*; got 'gpt2'"),
        ('{"model_type": "bert", "is_decoder": true, "add_cross_attention": true}', "got one with cross-attention"),
        ('{"model_type": "x", "auto_map": {"AutoConfig": "evil.Config"}}', "cannot be read"),
    ],
)
def test_a_folder_that_is_no_encoder_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    (tmp_path / "evil.py").write_text("raise SystemExit('remote code ran')")
    with pytest.raises(DataError, match=message):
        presets.sizes(str(tmp_path))
