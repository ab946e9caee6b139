"""FLOPs and saved activations in closed form, against what torch counts and what autograd keeps."""

from dataclasses import replace

import pytest
import torch
import transformers as hf
from torch.utils.flop_counter import FlopCounterMode

from smallbert.models import activations, flops, presets
from smallbert.models.parameters import count
from smallbert.models.presets import ALBERT_BASE, BERT_BASE, BERT_LARGE
from smallbert.models.sizes import from_config

TINY = {"vocab_size": 101, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
BERT = hf.BertConfig(intermediate_size=40, **TINY)
ALBERT = hf.AlbertConfig(intermediate_size=40, embedding_size=8, **TINY)
DISTILBERT = hf.DistilBertConfig(vocab_size=101, dim=16, n_layers=3, n_heads=2, hidden_dim=40)
XLMR = hf.XLMRobertaConfig(intermediate_size=40, **TINY)
GPT = hf.OpenAIGPTConfig(vocab_size=101, n_embd=16, n_layer=3, n_head=2)


def counted(model_class, config, rows: int, length: int) -> int:
    config._attn_implementation = "eager"
    with torch.device("meta"):
        model = model_class(config).eval()
        ids = torch.zeros(rows, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("model_class", "config", "head", "pooler"),
    [
        (hf.BertModel, BERT, "none", True),
        (hf.BertForMaskedLM, BERT, "mlm", False),
        (hf.BertForPreTraining, BERT, "pretraining", True),
        (hf.AlbertModel, ALBERT, "none", True),
        (hf.AlbertForMaskedLM, ALBERT, "mlm", False),
        (hf.AlbertForPreTraining, ALBERT, "pretraining", True),
        (hf.DistilBertForMaskedLM, DISTILBERT, "mlm", False),
        (hf.XLMRobertaModel, XLMR, "none", True),
        (hf.OpenAIGPTLMHeadModel, GPT, "lm", False),
    ],
)
def test_flops_equal_torchs_counter(model_class, config, head, pooler):
    sizes = replace(from_config(config), head=head, pooler=pooler)
    for length in (1, 7):
        assert counted(model_class, config, 2, length) == 2 * flops.forward(sizes, length).total


def test_flops_of_bert_base_at_its_real_size():
    assert counted(hf.BertModel, hf.BertConfig(), 1, 128) == flops.forward(BERT_BASE, 128).total


def test_sharing_and_factorising_save_no_operations():
    for shared, plain in ((ALBERT_BASE, BERT_BASE), (presets.sizes("albert-large-v2"), BERT_LARGE)):
        assert flops.forward(shared, 128).total == pytest.approx(flops.forward(plain, 128).total, rel=0.01)
        assert count(shared).total < 0.12 * count(plain).total


@pytest.mark.parametrize("length", [1, 64, 512])
def test_a_sequence_is_its_tokens_and_the_scores_and_the_pooler(length):
    found = flops.forward(ALBERT_BASE, length)
    assert found.total == length * flops.per_token(ALBERT_BASE) + found.scores + found.pooler
    # Two operations for each weight of the layers that are run; biases and norms are none.
    assert flops.per_token(BERT_BASE) == 2 * 12 * (4 * 768**2 + 2 * 768 * 3072)


def kept(model, **inputs) -> int:
    """Floating-point numbers that autograd keeps between forward and backward, each storage once, weights apart."""
    own = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
    found = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and tensor.ndim and storage.data_ptr() not in own:
            # The tensor is held too, so that no later one gets its address.
            found[storage.data_ptr()] = (storage.nbytes() // tensor.itemsize, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(**inputs)
    return sum(numbers for numbers, _ in found.values())


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
@pytest.mark.parametrize("share", [1, 3])
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_saved_activations_equal_autograds(family, share, kernel):
    options = TINY | {
        "intermediate_size": 40, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "attn_implementation": kernel,
    }  # fmt: skip
    torch.manual_seed(0)
    ids = torch.randint(0, 101, (3, 7))
    if family == "bert":
        config = hf.BertConfig(**options)
        model = hf.BertForPreTraining(config)
        labels = {"next_sentence_label": torch.zeros(3, dtype=torch.long)}
    else:
        config = hf.AlbertConfig(embedding_size=8, num_hidden_groups=share, classifier_dropout_prob=0.0, **options)
        model = hf.AlbertForPreTraining(config)
        labels = {"sentence_order_label": torch.zeros(3, dtype=torch.long)}
    sizes = replace(from_config(config), head="pretraining")
    closed = activations.saved(sizes, 3, 7, fused=kernel == "sdpa")
    assert closed.total == kept(model.train(), input_ids=ids, labels=ids, **labels)


def test_saved_activations_without_pooler_equal_autograds():
    config = hf.BertConfig(intermediate_size=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **TINY)
    torch.manual_seed(0)
    ids = torch.randint(0, 101, (2, 5))
    sizes = replace(from_config(config), head="mlm", pooler=False)
    model = hf.BertForMaskedLM(config).train()
    assert activations.saved(sizes, 2, 5).total == kept(model, input_ids=ids, labels=ids)


def test_sharing_saves_no_activations():
    base = replace(ALBERT_BASE, share="none")
    assert activations.saved(ALBERT_BASE, 8, 128) == activations.saved(base, 8, 128)


def test_training_step_holds_four_copies_of_the_weights_and_the_activations():
    step = activations.training_bytes(BERT_BASE, 32, 128)
    weights = 4 * count(BERT_BASE).total
    assert (step["weights"], step["gradients"], step["moments"]) == (weights, weights, 2 * weights)
    assert step["activations"] == 4 * activations.saved(BERT_BASE, 32, 128).total
