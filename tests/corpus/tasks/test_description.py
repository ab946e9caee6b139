"""``tasks.toml``: what it describes is read, and what is wrong in it is refused by file and line before any reading."""

import json

import pytest

from smallbert.corpus.tasks import description
from smallbert.corpus.tasks.examples import Pair, ScoredPair, Text
from smallbert.errors import DataError

HEAD = '# tasks\n[[task]]\nname = "t"\n'


def described(tmp_path, text):
    (tmp_path / "tasks.toml").write_text(text, encoding="utf-8")
    return description.load(tmp_path / "tasks.toml")


def table(path, header, rows):
    path.write_text("\n".join(["\t".join(header), *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")


def test_ones_own_table_is_read_with_its_own_names(tmp_path):
    (tmp_path / "data").mkdir()
    for part, count in (("train", 40), ("test", 3)):
        rows = [(str(n % 2), f"{part} text {n} 🙂 עברית", "x") for n in range(count)]
        table(tmp_path / "data" / f"{part}.tsv", ("stars", "review", "more"), rows)
    (one,) = described(
        tmp_path,
        HEAD + 'kind = "sentence"\nformat = "table"\ntrain = "data/train.tsv"\ntest = "data/test.tsv"\nlang = "ko"\n'
        'columns = { text = "review", label = "stars" }\nlabels = { 0 = "bad", 1 = "good" }\n',
    )
    examples, tally = one.read(seed=0)
    assert examples["test"][1] == Text("test.tsv:3", "test text 1 🙂 עברית", "good", "ko")
    assert (len(examples["train"]), len(examples["development"])) == (34, 6)  # 15 % of the training file
    assert {label.label for label in examples["train"]} == {"good", "bad"} and tally.rows == 43
    assert one.read(seed=0)[0] == examples != one.read(seed=1)[0]


def test_pairs_and_scores(tmp_path):
    table(tmp_path / "a.tsv", ("first", "second", "label"), [(f"a{n}", "b", "yes") for n in range(9)])
    table(tmp_path / "b.tsv", ("first", "second", "score"), [(f"a{n}", "b", f"{n}.5") for n in range(9)])
    pair, similarity = described(
        tmp_path,
        '[[task]]\nname = "p"\nkind = "pair"\nformat = "table"\nwhole = "a.tsv"\n'
        '[[task]]\nname = "s"\nkind = "similarity"\nformat = "table"\nwhole = "b.tsv"\n',
    )
    assert isinstance(pair.read(seed=0)[0]["train"][0], Pair)
    scores = {one.first: one.score for part in similarity.read(seed=0)[0].values() for one in part}
    assert scores == {f"a{n}": n + 0.5 for n in range(9)}
    assert isinstance(similarity.read(seed=0)[0]["train"][0], ScoredPair)


def test_bad_rows_are_counted_and_too_many_refused(tmp_path):
    rows = [(f"text {n}", "a" if n % 2 else "b") for n in range(40)]
    table(tmp_path / "t.tsv", ("text", "label"), [*rows, ("text", "c")])
    text = HEAD + 'kind = "sentence"\nformat = "table"\nwhole = "t.tsv"\nlabels = { a = "A", b = "B" }\n'
    (one,) = described(tmp_path, text)
    examples, tally = one.read(seed=0)
    assert (tally.total, sum(map(len, examples.values()))) == (1, 40)
    assert tally.examples == ["t.tsv:42: unknown label (expected a, b, got 'c')"]
    table(tmp_path / "t.tsv", ("text", "label"), [*rows, *[("text", "c")] * 40])
    with pytest.raises(
        DataError, match=r"tasks.toml:2: Expected at most 0.05 of all rows to be unusable(.|\n)*t.tsv:42"
    ):
        one.read(seed=0)


def test_a_question_without_its_passage_or_answer_is_left_out(tmp_path):
    def entry(n, context, text, start):
        asked = {"id": str(n), "question": "who?", "answers": [{"text": text, "answer_start": start}]}
        return {"title": f"t{n}", "paragraphs": [{"context": context, "qas": [asked]}]}

    good = [entry(n, "it was Ann 🙂 שלום", "Ann", 7) for n in range(60)]
    data = [*good, entry(98, "", "Ann", 0), entry(99, "nobody", "Ann", 2)]
    (tmp_path / "q.json").write_text(json.dumps({"version": "1.1", "data": data}), encoding="utf-8")
    (one,) = described(tmp_path, HEAD + 'kind = "questions"\nformat = "squad"\nwhole = "q.json"\n')
    examples, tally = one.read(seed=0)
    assert sum(map(len, examples.values())) == 60 and tally.total == 2
    assert "missing context" in tally.examples[0] and "answer not at answer_start" in tally.examples[1]


FILES = 'kind = "sentence"\nformat = "table"\nwhole = "t.tsv"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected \[\[task\]\] tables and nothing else, got nothing"),
        ("x = 1\n", "tables and nothing else, got x"),
        (HEAD + "kind = \n", r"expected TOML in UTF-8: Invalid value \(at line 4"),
        (HEAD + 'kind = "poem"\n', "tasks.toml:4: expected a kind of sentence, pair, .*, got 'poem'"),
        (HEAD + 'kind = "pair"\n\nformat = "swag"\n', "tasks.toml:6: expected a format of table, nli, got 'swag'"),
        (HEAD + 'kind = "pair"\n', "tasks.toml:2: expected a format of table, nli, got None"),
        ("[[task]]\n" + FILES, "tasks.toml:1: expected a name, got None"),
        (HEAD + FILES + "limit = 3\n", "tasks.toml:7: expected any of name, .*; got limit = 3"),
        (HEAD + FILES + 'lang = ""\n', "tasks.toml:7: expected any of .* got lang = ''"),
        (HEAD + FILES + "labels = { a = 1 }\n", "tasks.toml:7: expected any of"),
        (HEAD + FILES + 'train = "t.tsv"\n', "tasks.toml:2: expected files for train and test and perhaps development"),
        (HEAD + FILES + 'columns = { first = "x" }\n', "tasks.toml:7: expected columns out of text, label, got first"),
        (
            HEAD + FILES.replace("t.tsv", "gone.tsv"),
            "tasks.toml:6: expected a file at .*gone.tsv, which does not exist",
        ),
        (HEAD + FILES + HEAD + FILES, "tasks.toml:9: expected a name of its own, got 't' again"),
        (
            HEAD + 'kind = "tagging"\nformat = "conllu"\nwhole = "t.tsv"\nlabels = { a = "b" }\n',
            "tasks.toml:7: expected labels with the format table only",
        ),
        (
            HEAD + 'kind = "similarity"\nformat = "table"\nwhole = "t.tsv"\nlabels = { a = "b" }\n',
            "tasks.toml:7: expected labels of classes, but similarity has none",
        ),
        ("task = [1]\n", "tasks.toml: expected a table"),
    ],
)
def test_a_wrong_description_is_refused_by_line(tmp_path, text, message):
    (tmp_path / "t.tsv").write_text("text\tlabel\n")
    with pytest.raises(DataError, match=message):
        described(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.toml: expected a readable description of tasks: No such file"):
        description.load(tmp_path / "nowhere.toml")


def test_real_files(shared_data, tmp_path):
    pairs, squad = shared_data / "pairs", shared_data / "qa" / "squad" / "dev-v2.0.json"
    train, test = pairs / "kor_nli" / "xnli.dev.ko.tsv", pairs / "klue_nli" / "klue-nli-v1.1_dev.json"
    text = (
        f'[[task]]\nname = "entailment"\nkind = "pair"\nformat = "nli"\ntrain = "{train}"\ntest = "{test}"\n'
        f'[[task]]\nname = "questions"\nkind = "questions"\nformat = "squad"\nwhole = "{squad}"\n'
    )
    entailment, questions = described(tmp_path, text)
    examples, _ = entailment.read(seed=0)
    assert len(examples["test"]) == 3000 and len(examples["train"]) + len(examples["development"]) == 2490
    examples, _ = questions.read(seed=0)
    assert sum(map(len, examples.values())) == 11873
    assert not {one.title for one in examples["train"]} & {one.title for one in examples["test"]}


def test_the_files_behind_a_description_are_it_and_those_it_names(tmp_path):
    for name in ("b.conllu", "a.conllu"):
        (tmp_path / name).write_text("")
    path = tmp_path / "tasks.toml"
    path.write_text(
        '[[task]]\nname = "tags"\nkind = "tagging"\nformat = "conllu"\ntrain = "b.conllu"\ntest = "a.conllu"\n'
    )
    assert description.files(path) == [path, tmp_path / "a.conllu", tmp_path / "b.conllu"]
