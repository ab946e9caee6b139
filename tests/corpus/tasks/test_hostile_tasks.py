"""Damaged files of every format: an example or a DataError, never another exception."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbert.corpus.tasks import character_bio, conllu, entailment, kobest, reviews, similarity, squad, swag
from smallbert.errors import DataError

_SQUAD = {
    "version": "2.0",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": "on 3 May",
                    "qas": [
                        {"id": "1", "question": "when", "answers": [{"text": "3 May", "answer_start": 3}]},
                        {"id": "2", "question": "who", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
_KLUE = [{"guid": "g", "premise": "p", "hypothesis": "h", "gold_label": "neutral"}]
_ENDINGS = {f"ending{i}": "e" for i in range(4)}
FILES = {
    "squad.json": (squad.read, json.dumps(_SQUAD)),
    "klue.json": (entailment.read_klue, json.dumps(_KLUE)),
    "swag.json": (swag.read, json.dumps({"sent1": "a", "sent2": "b", **_ENDINGS, "label": 2})),
    "kobest.tsv": (kobest.read, "\t".join(kobest.COLUMNS) + "\nc\t1\t2\t3\t4\t0\n"),
    "nli.tsv": (entailment.read_tsv, "sentence1\tsentence2\tgold_label\na\tb\tneutral\n"),
    "sts.tsv": (similarity.read, "score\tsentence1\tsentence2\n1.5\ta\tb\n"),
    "reviews.tsv": (reviews.read, "id\treview\trating\n1\tgood\t9\n"),
    "ud.conllu": (conllu.read, "# sent_id = 1\n1\tI\t_\tPRON\t_\t_\t_\t_\t_\t_\n\n"),
    "ner.tsv": (character_bio.read, "## 1\tx\n가\tB-PS\n \tO\n\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_whole_file_is_read(tmp_path, name):
    read, content = FILES[name]
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert list(read(tmp_path / name))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damage_is_reported_as_such(tmp_path_factory, name, data):
    read, content = FILES[name]
    raw = content.encode()
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(len(raw), start + 6)))
    junk = st.binary(max_size=6) | st.sampled_from(
        [b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b'"', b"\t", b"[[[", b"1e999"]
    )
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(raw[:start] + data.draw(junk) + raw[stop:])
    try:
        list(read(path))
    except DataError as error:
        assert name in str(error)
