"""Column names: guessed, mapped, refused."""

import pytest

from smallbert.corpus.columns import resolve
from smallbert.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        (
            ["category", "headline", "text", "url"],
            {"id": "url", "title": "headline", "content": "text", "topic": "category"},
        ),
        (
            ["ID", "CATEGORY", "TOPICS", "HEADLINE", "TEXT", "LINK"],
            {"id": "ID", "title": "HEADLINE", "content": "TEXT", "topic": "TOPICS"},
        ),
        (
            [" Title ", "Body", "Language", "event"],
            {"lang": "Language", "title": " Title ", "content": "Body", "group": "event"},
        ),
        (["content", "text"], {"content": "content"}),  # the first name in the list of preferences wins
        (["Título", "texto"], {"title": "Título", "content": "texto"}),
    ],
)
def test_guesses(available, expected):
    assert resolve(available, {}, "f") == expected


def test_mapping_wins_over_guesses_whatever_its_case():
    columns = {"title": "movie", "content": "REVIEW", "topic": "rating"}
    found = resolve(["id", "lang", "movie", "review", "rating", "date", "title"], columns, "f")
    assert found == {"id": "id", "lang": "lang", "title": "movie", "content": "review", "topic": "rating"}


def test_empty_mapping_leaves_a_column_out():
    assert "title" not in resolve(["title", "text"], {"title": ""}, "f")


def test_missing_content_names_what_is_there_and_how_to_map():
    with pytest.raises(DataError, match=r"news.csv: expected a content column .*'name', 'age'.* --column content=NAME"):
        resolve(["name", "age"], {}, "news.csv")


def test_mapped_column_that_is_not_there():
    with pytest.raises(DataError, match=r"expected the column 'headlin' \(mapped to title\); .*'headline'"):
        resolve(["headline", "text"], {"title": "headlin"}, "f")


def test_two_columns_of_one_name():
    with pytest.raises(DataError, match="expected one column 'text', found 2"):
        resolve(["text", "Text"], {}, "f")


def test_unknown_target_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match=r"got 'titel'. Did you mean 'title'\?"):
        resolve(["text"], {"titel": "headline"}, "f")


@pytest.mark.parametrize(
    ("where", "header", "told", "step"),
    [
        ("n.csv", "title;text", "commas.* one column and holds semicolons: 'title;text'", "sep=';'"),
        ("n.csv.gz", "title|text, long|x", "commas.* holds vertical bars", r"sep='\|'"),
        ("n.csv", "title\ttext", "commas.* holds tabs", "Rename it to end in .tsv"),
        ("n.tsv", "title,text", "tabs, as in every .tsv file.* holds commas", "Rename it to end in .csv"),
    ],
)
def test_another_delimiter_is_named_with_a_step_that_works(where, header, told, step):
    for columns in ({}, {"title": "headline"}):
        with pytest.raises(DataError, match=f"^{where}: expected columns set apart by {told}.*{step}") as caught:
            resolve([header], columns, where)
        assert "--column" not in str(caught.value)


def test_one_column_without_another_delimiter_and_other_formats_are_asked_for_their_content():
    for where, header in (("n.csv", "name"), ("n.csv", "title,text"), ("n.parquet", "title;text"), ("hub:x", "a;b")):
        with pytest.raises(DataError, match="expected a content column"):
            resolve([header], {}, where)
