"""What papers print against what is built: the counts that round, the known slips, averages, FLOPs, contradictions."""

from dataclasses import replace

import pytest

from smallbert.errors import DataError
from smallbert.models.parameters import count
from smallbert.published import load
from smallbert.studies import ledger, printed

TABLE = ledger.ledger()
BY_ID = TABLE.set_index("id")
SLIPS = {
    "albert.table1.xxlarge.parameters",
    "albert.section3.xxlarge.parameters",
    "albert.table12.hidden_4096.parameters",
    "albert.table12.hidden_6144.parameters",
    "bert.large.parameters",
    "mbert.parameters_printed",
    "tinybert.table1.bert_small.parameters",
    "xlmr.base.parameters",
}


def altered(id: str, value) -> dict:
    """The published table with one number changed."""
    table = load()
    return table | {id: replace(table[id], value=value)}


def test_every_printed_count_is_in_the_ledger():
    counts = {id for id, entry in load().items() if entry.unit == "million parameters"}
    assert counts == set(ledger.ROWS)
    assert TABLE["where"].str.len().min() > 10


def test_the_ledger_holds_and_the_slips_are_the_known_ones():
    ledger.check(TABLE)
    assert set(TABLE[TABLE.slip].id) == SLIPS
    within_a_million = TABLE[~TABLE.slip].difference.abs() < 1
    assert within_a_million.all()


@pytest.mark.parametrize(
    ("mode", "wide", "narrow"),
    [
        ("all_shared", 31, 12),
        ("shared_attention", 83, 64),
        ("shared_ffn", 57, 38),
        ("not_shared", 108, 89),
    ],
)
def test_alberts_table_4_rounds_in_all_eight_cells(mode, wide, narrow):
    for width, value in ((768, wide), (128, narrow)):
        row = BY_ID.loc[f"albert.table4.{mode}_{width}.parameters"]
        assert row.printed == value
        assert row.agrees


@pytest.mark.parametrize("table", ["albert.table3", "albert.table4", "albert.table11"])
def test_every_row_of_alberts_ablations_rounds(table):
    assert BY_ID[BY_ID.index.str.startswith(table)].agrees.all()


def test_which_rows_need_a_pooler():
    layouts = {"albert.table1.bert_base": "bare encoder", "albert.table1.base": "with pooler"}
    layouts |= {"tinybert.table1.tinybert4": "with heads", "tinybert.table1.tinybert6": "with pooler"}
    assert {id: BY_ID.loc[f"{id}.parameters"].layout for id in layouts} == layouts
    assert BY_ID.loc["albert.table1.bert_base.parameters"].explanation == "Rounds to it: bare encoder."


def test_positions_of_width_h_would_explain_all_of_albert_but_two_counts_of_xxlarge():
    factorised = TABLE[TABLE["agrees wide"].notna()]
    left = factorised[factorised["agrees wide"].eq(False)]
    assert set(left.id) == {"albert.table1.xxlarge.parameters", "albert.section3.xxlarge.parameters"}
    assert factorised[~factorised.agrees & ~factorised.id.isin(left.id)].explanation.str.contains("inference").all()


def test_mberts_printed_count_is_off_by_its_vocabulary():
    row = BY_ID.loc["mbert.parameters_printed"]
    assert row["with pooler"] == 177_853_440 == load()["mbert.parameters"].value
    assert "No layout rounds to it." in row.explanation


@pytest.mark.parametrize(
    ("id", "value", "message"),
    [
        (
            "albert.table1.base.parameters",
            13,
            r"within 1 million of what is printed: ALBERT base .* printed 13 million",
        ),
        ("tinybert.table1.tinybert6.parameters", 66.5, r"within 0\.1 million of what is printed: TinyBERT6"),
        ("bert.large.parameters", 336, r"Expected a known slip, but this count agrees: BERT large"),
    ],
)
def test_a_wrong_count_is_found(id, value, message):
    with pytest.raises(DataError, match=message):
        ledger.check(ledger.ledger(altered(id, value)))


def test_the_last_printed_digit_is_read_from_the_number():
    assert BY_ID.digit["tinybert.table1.tinybert6.parameters"] == pytest.approx(0.1)  # printed 67.0
    assert BY_ID.digit["albert.table1.base.parameters"] == 1


def test_summary_counts_what_the_table_says():
    said = ledger.summary(TABLE)
    assert f"Of {len(TABLE)} printed counts, {TABLE.agrees.sum()} are what rounding gives" in said
    assert "The furthest off is mBERT: printed 110 million, built 177.3." in said
    assert "18 would with positions of width H (an inference" in said


def test_sharing_counts_say_what_sharing_saves():
    table = ledger.sharing_counts(TABLE).set_index(["E", "shared"])
    assert len(table) == 8
    assert (table.saved.xs("none", level="shared") == 0).all()
    whole = count(replace(ledger.ALBERT_BASE, share="none")).total
    assert table.saved[128, "all"] == pytest.approx(1 - 11_683_584 / whole)


def test_printed_averages_and_flops_follow():
    averages, flops = printed.averages(), printed.flops()
    assert len(averages) == 30
    assert averages.difference.abs().max() < 0.06
    assert len(flops) == 7
    assert flops.set_index("id").built["tinybert.table1.teacher.flops"] == pytest.approx(22.348, abs=1e-3)
    printed.check(averages, flops)


@pytest.mark.parametrize(
    ("id", "value"), [("albert.table2.base.average", 80.3), ("tinybert.table1.tinybert4.flops", 1.1)]
)
def test_a_wrong_average_or_flop_count_is_found(id, value):
    table = altered(id, value)
    with pytest.raises(DataError, match=rf"Expected {id} within .*; it is printed as {value} and differs"):
        printed.check(printed.averages(table), printed.flops(table))


def test_contradictions_of_the_papers():
    table = printed.contradictions().set_index("what")
    assert tuple(table.loc["parameters of ALBERT xxlarge", ["first", "second"]]) == (235, 233)
    assert tuple(table.loc["MNLI, all-shared, E = 128", ["first", "second"]]) == (81.6, 82.0)
    assert tuple(table.loc["tokens of a BERT batch", ["first", "second"]]) == (128_000, 256 * 512)
    assert tuple(table.loc["MNLI of BERT base beside DistilBERT", ["first", "second"]]) == (86.7, 84.7)
    assert table.loc["learning rate of fine-tuning GPT", "second where"].startswith(
        "Radford et al. (2018), section 4.1"
    )


def test_a_contradiction_that_is_none_is_found():
    with pytest.raises(DataError, match=r"to contradict each other, but both are 6\.25e-05"):
        printed.contradictions(altered("bert.gpt_fine_tuning_rate", 6.25e-5))
