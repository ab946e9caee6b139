import pytest

from smallbert.errors import DataError, UsageError
from smallbert.published import load, published

ENTRY = """[[published]]
id = "a.b"
value = [1, 2]
unit = "rows"
kind = "printed"
source = "A paper"
where = "Table 1"
note = ""
"""


def test_the_projects_table_reads_and_every_entry_has_a_source_and_a_place():
    table = load()
    assert len(table) > 15
    assert all(entry.source and entry.where and entry.kind for entry in table.values())


def test_the_originals_order_is_of_losses_so_its_last_is_its_best():
    order = published("original.depth_order_of_minimum_loss").value
    assert order == (3, 2, 5, 4)
    assert order[-1] == published("original.best_depth").value
    assert sorted(order) == sorted(published("original.depths").value)


def test_mbert_word_embedding_share_follows_from_vocabulary_and_width():
    words = published("mbert.word_embedding_parameters").value
    assert words == 119_547 * 768
    assert words / published("mbert.parameters").value == pytest.approx(0.516, abs=5e-4)


def test_lists_become_tuples(tmp_path):
    path = tmp_path / "published.toml"
    path.write_text(ENTRY)
    assert load(path)["a.b"].value == (1, 2)


def test_unknown_id_suggests_the_near_one():
    with pytest.raises(UsageError, match=r"'mbert\.parameter'\. Did you mean mbert\.parameters"):
        published("mbert.parameter")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY + ENTRY, r"entry 2 \(a\.b\): the id is used twice"),
        (ENTRY.replace('unit = "rows"\n', ""), r"missing \['unit'\], unknown \[\]"),
        (ENTRY + 'colour = "red"\n', r"missing \[\], unknown \['colour'\]"),
        (ENTRY.replace('"A paper"', '" "'), "expected a source, got an empty one"),
        (ENTRY.replace('"printed"', '"heard"'), "expected kind printed or computed, got 'heard'"),
        ("[[published]\n", "no readable TOML"),
        ("[other]\n", r"Expected entries \[\[published\]\]"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "published.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.toml, which does not exist"):
        load(tmp_path / "gone.toml")
