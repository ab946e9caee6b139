"""Sentences and captions of encoders trained for a comparison: true of none, some and all."""

import pandas as pd
import pytest

from smallbert.studies import sharing_sentences

CELLS = pd.DataFrame({"arm": ["a", "a", "b", "b"], "loss": [4.98, 4.97, 4.9, 5.0]})


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        (
            4.8,
            "0 of 2 arms lie below for sure (95% interval over seeds). By its mean loss every arm is worse than word",
        ),
        (
            4.96,
            "(95% interval over seeds). Above it in some runs and below in others, so that a mean tells of neither: "
            "b: 1 of 2 runs. They are not shown to have learnt any context",
        ),
        (5.1, "1 of 2 arms lie below for sure (95% interval over seeds). The others are not shown"),
        (6.0, "2 of 2 arms lie below for sure (95% interval over seeds)."),
    ],
)
def test_arms_below_the_floor_are_counted(floor, words):
    said = sharing_sentences.floor_sentence(CELLS, floor)
    assert words in said
    assert ("any context" in said) == (4.8 < floor < 6)


def test_a_choice_of_rates_is_told_only_where_there_was_one():
    one = pd.DataFrame({"arm": ["a", "b"], "rate": [0.002, 0.002]})
    assert sharing_sentences.rates_caption(one, "Chosen.").endswith(
        "rate, 0.002, set beforehand: there was none to choose from."
    )
    scaled = one.assign(rate=[0.002, 0.003])
    assert sharing_sentences.rates_caption(scaled, "Chosen.").startswith("One peak rate for each arm, set beforehand")
    rates = pd.DataFrame({"arm": list("aaabbb"), "rate": [1, 2, 4] * 2, "chosen": [False, True, False] * 2})
    assert sharing_sentences.rates_caption(rates, "Chosen.") == "Chosen."


def test_a_rate_at_an_end_of_those_tried_is_told():
    rates = pd.DataFrame({"arm": list("cccaaabbb"), "rate": [1, 2, 4] * 3, "chosen": False})
    chosen = rates.assign(chosen=[True, False, False, False, False, True, False, True, False])
    said = sharing_sentences.rates_caption(chosen, "Chosen.")
    assert said.startswith("Chosen. Of 3 arms 1 at the lowest and 1 at the highest of the rates tried: one beyond")
    high = rates.assign(chosen=rates.rate == 4)
    assert "Of 3 arms 3 at the highest of the rates tried" in sharing_sentences.rates_caption(high, "Chosen.")


def test_a_table_of_rates_shows_a_choice_only_where_there_was_one():
    one = pd.DataFrame({"arm": ["a", "b"], "rate": [0.002, 0.003], "loss": [float("nan")] * 2, "chosen": True})
    assert list(sharing_sentences.rates_shown(one)) == ["arm", "rate"]
    several = pd.concat([one, one.assign(rate=0.01, loss=3.0, chosen=False)])
    assert list(sharing_sentences.rates_shown(several)) == ["arm", "rate", "loss", "chosen"]


def test_an_empty_table_of_second_tasks_says_why():
    rows = pd.DataFrame({"task": ["title"]})
    assert "empty" not in sharing_sentences.second_task_caption(rows, 3)
    assert sharing_sentences.second_task_caption(rows[:0], 3).endswith(
        "empty, since this corpus has too few titles and translations."
    )
    assert "a single seed leaves nothing to pair" in sharing_sentences.second_task_caption(rows[:0], 1)
