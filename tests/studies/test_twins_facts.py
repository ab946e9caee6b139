"""The fact table shows what the ledger of published numbers holds, and the slips contradict it."""

import pytest

from smallbert.errors import DataError
from smallbert.models.parameters import count
from smallbert.models.presets import BERT_BASE
from smallbert.published import load
from smallbert.studies import twins_facts


def test_numbers_are_those_of_the_papers():
    table, known = twins_facts.facts().set_index("what"), load()
    books, encyclopedia = known["bert.corpus_words"].value
    text = table.loc["text, million words"]
    assert text.BERT.endswith(f"= {books + encyclopedia:,}") and text["GPT-1"] == f"{books:,}"
    assert table.loc["tokens of a batch", ["BERT", "GPT-1"]].tolist() == ["131,072", "32,768"]
    assert table.loc["rate of fine-tuning", "GPT-1"] == f"{known['gpt.fine_tuning_rate'].value:g}"
    assert "on development" in table.loc["rate of fine-tuning", "BERT"]
    assert table.loc["parameters as built", "BERT"] == f"{count(BERT_BASE).total:,}"
    assert table["BERT where"].str.contains("Devlin").sum() == len(table) - 1


def test_a_batch_is_sequences_times_their_length():
    known = {name: load()[name].value for name in load() if name.startswith(("bert.batch", "bert.seq", "gpt."))}
    assert known["gpt.batch_sequences"] * known["gpt.sequence_length"] == known["gpt.batch_tokens_computed"]
    assert known["bert.batch_sequences"] * known["bert.sequence_length"] == known["bert.batch_tokens_computed"]


def test_every_slip_names_where_it_stands_and_what_is_right():
    table, known = twins_facts.slips().set_index("claim"), load()
    rate = table.loc["rate at which GPT-1 is fine-tuned"]
    assert (rate.said, rate.correct) == tuple(
        f"{known[name].value:g}" for name in ("bert.gpt_fine_tuning_rate", "gpt.fine_tuning_rate")
    )
    assert "Devlin" in rate["said where"] and "Radford" in rate.source
    assert (table.said != table.correct).all()
    words, batch = known["bert.corpus_words"].value[0] * 10**6, known["gpt.batch_tokens_computed"].value
    steps = words * known["gpt.pretraining_epochs"].value // batch
    assert table.loc["GPT-1's pretraining", "correct"] == f"{steps:,} steps"


def test_a_claim_that_is_right_is_no_slip():
    known = load()
    known["bert.batch_tokens"] = known["bert.batch_tokens_computed"]
    with pytest.raises(DataError, match=r"Expected bert\.batch_tokens and bert\.batch_tokens_computed to differ"):
        twins_facts.slips(known)
