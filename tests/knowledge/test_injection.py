"""Every way to give knowledge, held to the plain encoder: equal without knowledge, and changed where it should be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import UsageError
from smallbert.knowledge.given import Hung, Item
from smallbert.knowledge.graph import Statement
from smallbert.knowledge.inject import METHODS, Injector
from smallbert.knowledge.reader import Batch, TreeReader

CPU = torch.device("cpu")
TEXT = "Ann saw Bo in town."
BO = (8, 10)
ITEM = Item(
    text=TEXT,
    ask="Bo has",
    candidates=("a cat", "dogs"),
    label=1,
    offered=-1,
    triples=(),
    entities=(),
    choices=(0, 2),
)
TRIPLE = Hung(*BO, Statement("Bo", "owns", "dogs"))
LINKED = replace(ITEM, triples=(TRIPLE,), entities=((*BO, 1),), offered=1)
VECTORS = np.random.default_rng(3).standard_normal((3, 4)).astype(np.float32)


@pytest.fixture(scope="module", params=["bert", "albert"])
def readers(request, encoders):
    """A reader without and one with entity vectors, in double precision, and their folder."""
    folder = encoders / request.param
    made = [TreeReader.load(folder, vectors, seed=5) for vectors in (None, VECTORS)]
    return folder, [reader.double() for reader, _ in made], made[0][1]


def read(reader, tokenizer, method, item):
    """Input and hidden states of one item."""
    [own] = Injector(method, tokenizer, reader.places).inputs([item])
    with torch.inference_mode():
        return own, reader.states(Batch.of([own], CPU))[0]


def tokens_of(own, tokenizer, text):
    """Places of the characters of a word of the text, which are its tokens."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    trunk = own.tree.ids[own.tree.branches == -1].tolist()
    [start] = [at for at in range(len(trunk)) if trunk[at : at + len(ids)] == ids and at < 16]
    return list(range(start, start + len(ids)))


@pytest.mark.parametrize("family", ["bert", "albert"])
def test_the_lowest_layers_alone_can_be_kept(family, encoders):
    reader, tokenizer = TreeReader.load(encoders / family, layers=1)
    [own] = Injector("plain", tokenizer, 64).inputs([ITEM])
    plain = transformers.AutoModel.from_pretrained(encoders / family).eval()
    batch = Batch.of([own], CPU)
    trunk = torch.from_numpy(own.tree.branches == -1)
    with torch.inference_mode():
        read = plain(batch.ids[:, trunk], token_type_ids=batch.kinds[:, trunk], output_hidden_states=True)
        states = reader.states(batch)[0, trunk]
    torch.testing.assert_close(states, read.hidden_states[1][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_lowest_layers_of_an_albert_with_groups_are_its_own(encoders, layers):
    """Two groups of two layers: transformers runs another group at a place where there are fewer layers."""
    reader, tokenizer = TreeReader.load(encoders / "grouped", layers=layers)
    [own] = Injector("plain", tokenizer, 64).inputs([ITEM])
    plain = transformers.AutoModel.from_pretrained(encoders / "grouped").eval()
    batch = Batch.of([own], CPU)
    trunk = torch.from_numpy(own.tree.branches == -1)
    with torch.inference_mode():
        read = plain(batch.ids[:, trunk], token_type_ids=batch.kinds[:, trunk], output_hidden_states=True)
        states = reader.states(batch)[0, trunk]
    torch.testing.assert_close(states, read.hidden_states[layers][0], rtol=1e-5, atol=1e-5)
    assert len(reader.encoder.encoder.albert_layer_groups) == (layers + 1) // 2  # others would never be trained


@pytest.mark.parametrize("method", METHODS)
def test_without_knowledge_the_trunk_is_the_plain_encoders(readers, method):
    folder, both, tokenizer = readers
    own, states = read(both[method == "embedded"], tokenizer, method, ITEM)
    plain = transformers.AutoModel.from_pretrained(folder).double().eval()
    trunk = own.tree.branches == -1
    text, ask = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (TEXT, ITEM.ask))
    ids = [2, *text, 3, *ask]
    assert own.tree.ids[trunk].tolist() == ids
    kinds = [0] * (len(text) + 2) + [1] * len(ask)
    with torch.inference_mode():
        expected = plain(torch.tensor([ids]), token_type_ids=torch.tensor([kinds])).last_hidden_state[0]
        torch.testing.assert_close(states[trunk], expected, rtol=0, atol=1e-12)
        # A candidate reads on where the question ends, as if it stood alone behind it.
        for number, answer in enumerate(ITEM.candidates):
            more = [*tokenizer(answer, add_special_tokens=False)["input_ids"], 3]
            if method != "embedded":  # where candidates have vectors of their own
                allowed = torch.ones(1, 1, len(ids) + len(more), len(ids) + len(more)).double()
                allowed[..., : len(ids), len(ids) :] = 0
                plain.set_attn_implementation("eager")
                alone = plain(
                    torch.tensor([ids + more]),
                    token_type_ids=torch.tensor([kinds + [1] * len(more)]),
                    attention_mask=(1 - allowed) * torch.finfo(torch.float64).min,
                ).last_hidden_state[0, len(ids) :]
                torch.testing.assert_close(states[own.candidates == number], alone, rtol=0, atol=1e-12)


def test_a_text_with_a_triple_appended_is_the_plain_text(readers):
    _, (reader, _), tokenizer = readers
    own, states = read(reader, tokenizer, "appended", LINKED)
    written, expected = read(reader, tokenizer, "plain", replace(ITEM, text=f"{TEXT} Bo owns dogs."))
    assert own.tree.ids.tolist() == written.tree.ids.tolist()
    torch.testing.assert_close(states, expected, rtol=0, atol=0)


def test_a_branch_is_read_by_the_words_it_hangs_on_alone(readers):
    """In one layer a change of the branch reaches itself and its words; in an open tree the candidates too."""
    _, (reader, _), tokenizer = readers
    layers = reader.encoder.config.num_hidden_layers
    reader.encoder.config.num_hidden_layers = 1
    if hasattr(reader.encoder.encoder, "layer"):
        whole, reader.encoder.encoder.layer = reader.encoder.encoder.layer, reader.encoder.encoder.layer[:1]
    other = replace(LINKED, triples=(Hung(*BO, Statement("Bo", "owns", "cats")),))
    try:
        for method in ("tree", "open tree"):
            (own, before), (_, after) = (read(reader, tokenizer, method, item) for item in (LINKED, other))
            changed = (before - after).abs().amax(1) > 1e-12
            expected = np.zeros(len(own.tree), bool)
            expected[tokens_of(own, tokenizer, "Bo")[:2]] = True
            expected[own.tree.branches == 0] = True
            if method == "open tree":
                expected |= own.candidates >= 0
            assert changed.numpy().tolist() == expected.tolist()
    finally:
        reader.encoder.config.num_hidden_layers = layers
        if hasattr(reader.encoder.encoder, "layer"):
            reader.encoder.encoder.layer = whole


def test_in_further_layers_the_words_pass_the_triple_on(readers):
    _, (reader, _), tokenizer = readers
    (own, before), (_, after) = (read(reader, tokenizer, "tree", item) for item in (ITEM, LINKED))
    trunk = own.tree.branches == -1
    assert (before[trunk] - after[: trunk.sum()]).abs().amax(1).min() > 1e-9


def test_branches_do_not_see_each_other(readers):
    _, (reader, _), tokenizer = readers
    more = Hung(0, 3, Statement("Ann", "likes", "tea"))
    own, _ = read(reader, tokenizer, "tree", replace(LINKED, triples=(TRIPLE, more)))
    assert not own.tree.visible[np.ix_(own.tree.branches == 0, own.tree.branches == 1)].any()


def test_an_entitys_vector_is_added_where_it_is_named(readers):
    _, (_, reader), tokenizer = readers
    (own, _), (linked, _) = (read(reader, tokenizer, "embedded", item) for item in (ITEM, LINKED))
    named = np.flatnonzero(own.entities != linked.entities)
    assert named.tolist() == tokens_of(own, tokenizer, "Bo")[:2] and (linked.entities[named] == 1).all()
    assert [set(linked.entities[linked.candidates == number]) for number in (0, 1)] == [{0}, {2}]
    seen = []
    words = reader.encoder.get_input_embeddings()
    hook = reader.encoder.embeddings.register_forward_pre_hook(
        lambda _, args, inputs: seen.append(inputs["inputs_embeds"]), with_kwargs=True
    )
    batch = Batch.of([linked], CPU)
    with torch.inference_mode():
        reader.states(batch)
        [given] = seen
        added = given - words(batch.ids)
    hook.remove()
    vectors = torch.from_numpy(VECTORS).double() @ reader.projection.weight.T
    for place, entity in enumerate(linked.entities.tolist()):
        expected = vectors[entity] if entity >= 0 else torch.zeros(words.embedding_dim, dtype=torch.float64)
        torch.testing.assert_close(added[0, place], expected, rtol=0, atol=1e-12)


def test_the_projection_keeps_distances(readers):
    _, (_, reader), _ = readers
    projected = torch.from_numpy(VECTORS).double() @ reader.projection.weight.T
    given, found = (torch.cdist(one, one) for one in (torch.from_numpy(VECTORS).double(), projected.detach()))
    ratios = (found / given)[~torch.eye(3, dtype=torch.bool)]
    torch.testing.assert_close(ratios, ratios[:1].expand(6), rtol=1e-5, atol=0)


def test_scores_do_not_depend_on_the_order_of_candidates_or_on_the_batch(readers):
    _, (reader, _), tokenizer = readers
    swapped = replace(LINKED, candidates=LINKED.candidates[::-1])
    longer = replace(ITEM, text=TEXT * 3, candidates=("x", "y", "z"))
    one, two, three = Injector("tree", tokenizer, reader.places).inputs([LINKED, swapped, longer])
    with torch.inference_mode():
        alone = reader(Batch.of([one], CPU))
        together = reader(Batch.of([one, two, three], CPU))
    torch.testing.assert_close(together[0, :2], alone[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(together[1, :2], alone[0].flip(0), rtol=0, atol=1e-12)
    assert torch.isneginf(together[:2, 2]).all() and torch.isfinite(together[2]).all()


def test_words_are_never_trained_and_all_else_is(readers):
    _, (reader, _), tokenizer = readers
    [own] = Injector("tree", tokenizer, reader.places).inputs([LINKED])
    reader(Batch.of([own], CPU))[0, 0].backward()
    for name, parameter in reader.named_parameters():
        is_words = parameter is reader.encoder.get_input_embeddings().weight
        assert (parameter.grad is None) == is_words == (not parameter.requires_grad), name
    reader.zero_grad()


def test_what_does_not_fit_is_refused(readers):
    _, _, tokenizer = readers
    with pytest.raises(UsageError, match="Expected at most 20 tokens in a row"):
        Injector("plain", tokenizer, 20).inputs([ITEM])
    with pytest.raises(UsageError, match="Expected one of the methods plain, appended"):
        Injector("prefix", tokenizer, 20)


def test_other_families_are_refused():
    config = transformers.DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=1, hidden_dim=8)
    with pytest.raises(UsageError, match="families bert, albert, got distilbert"):
        TreeReader(transformers.DistilBertModel(config), None, 0)
