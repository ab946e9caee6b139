"""Every real file of the tasks, whole: as many examples as its source states, none of them bad."""

from collections import Counter

import pytest

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import character_bio, conllu, entailment, kobest, reviews, similarity, squad, swag

# Numbers from the sources' own descriptions.
FILES = [
    (squad.read, "qa/squad/dev-v1.1.json", 10_570),
    (squad.read, "qa/squad/dev-v2.0.json", 11_873),
    *((squad.read, f"qa/xquad/xquad.{lang}.json", 1190) for lang in ("en", "es", "de", "zh", "th")),
    (swag.read, "choice/swag/sample.json", 10),
    (kobest.read, "choice/kobest_hellaswag/train.tsv", 2029),
    (kobest.read, "choice/kobest_hellaswag/dev.tsv", 500),
    (kobest.read, "choice/kobest_hellaswag/test.tsv", 500),
    (entailment.read_klue, "pairs/klue_nli/klue-nli-v1.1_dev.json", 3000),
    (entailment.read_tsv, "pairs/kor_nli/xnli.dev.ko.tsv", 2490),
    (entailment.read_tsv, "pairs/kor_nli/xnli.test.ko.tsv", 5010),
    (similarity.read, "pairs/kor_sts/sts-train.tsv", 5749),
    (similarity.read, "pairs/kor_sts/sts-dev.tsv", 1500),
    (similarity.read, "pairs/kor_sts/sts-test.tsv", 1379),
    (conllu.read, "tagging/ud_english_ewt/en_ewt-ud-train.conllu", 12_544),
    (conllu.read, "tagging/ud_english_ewt/en_ewt-ud-dev.conllu", 2001),
    (conllu.read, "tagging/ud_english_ewt/en_ewt-ud-test.conllu", 2077),
    (conllu.read, "tagging/ud_korean_gsd/ko_gsd-ud-train.conllu", 4400),
    (conllu.read, "tagging/ud_korean_gsd/ko_gsd-ud-dev.conllu", 950),
    (conllu.read, "tagging/ud_korean_gsd/ko_gsd-ud-test.conllu", 989),
    (character_bio.read, "tagging/klue_ner/klue-ner-v1.1_dev.tsv", 5000),
]


@pytest.mark.parametrize(("read", "name", "count"), FILES, ids=[name for _, name, _ in FILES])
def test_every_example_is_read(shared_data, read, name, count):
    report = Tally(0)
    assert sum(1 for _ in read(shared_data / name, report=report)) == count == report.rows


def test_labels_are_those_of_the_sources(shared_data):
    klue = entailment.read_klue(shared_data / "pairs/klue_nli/klue-nli-v1.1_dev.json")
    assert Counter(pair.label for pair in klue) == dict.fromkeys(entailment.LABELS, 1000)
    unanswerable = [not q.answers for q in squad.read(shared_data / "qa/squad/dev-v2.0.json")]
    assert sum(unanswerable) == 5945


def test_characters_of_klue_ner_spell_the_annotated_sentence(shared_data):
    """The comment before each sentence has it with ``<entity:TYPE>`` marks: an independent source of the tags."""
    path = shared_data / "tagging/klue_ner/klue-ner-v1.1_dev.tsv"
    marked = [line.split("\t", 1)[1] for line in path.read_text("utf-8").splitlines() if line.startswith("## klue")]
    types = Counter()
    for sentence, annotated in zip(character_bio.read(path), marked, strict=True):
        spelt = ""
        for character, tag, following in zip(sentence.words, sentence.tags, (*sentence.tags[1:], "O"), strict=True):
            spelt += f"{'<' if tag[0] == 'B' else ''}{character}"
            spelt += f":{tag[2:]}>" if tag != "O" and following[0] != "I" else ""
            types[tag[2:]] += tag[0] == "B"
        assert spelt == annotated
    assert types["PS"] > 4000


def test_reviews_split_at_the_ratings_of_their_source(shared_data):
    report = Tally(0)
    labels = Counter(review.label for review in reviews.read(shared_data / "reviews/korean.parquet", report=report))
    assert report.rows == 712_383 and set(labels) == {"negative", "positive"}
    assert 0.6 < labels.total() / report.rows < 0.8
