"""Templates and agreement: Korean particles, Spanish contractions, gender switches, and errors that name the slip."""

import re
import shutil
import unicodedata

import pytest

from smallbert.corpus.world import World
from smallbert.corpus.world.events import COUNTS
from smallbert.corpus.world.grammar import COMPUTED, Layout, Template, final_consonant
from smallbert.corpus.world.lexicon import LANGUAGES, folder, inventory, language
from smallbert.corpus.world.sentences import sentences
from smallbert.errors import DataError

SEED = 20261121
LAYOUT = Layout({"org": ("nom", "gen"), "who": ("nom",)}, ("org", "who"))


def test_final_consonant_agrees_with_canonical_decomposition():
    for word in ("가", "각", "서울", "벨도르", "안나 김", "린", "힣"):
        parts = unicodedata.normalize("NFD", word[-1])
        assert (final_consonant(word) != 0) == (len(parts) == 3)


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("[안나 김]", ("은", "이", "을", "으로", "이다")),
        ("[안나 리]", ("는", "가", "를", "로", "다")),
        ("[솔]", ("은", "이", "을", "로", "이다")),  # after ㄹ: 로, not 으로
        ("[2대 0]", ("은", "이", "을", "으로", "이다")),  # read 영
        ("[3대 1]", ("은", "이", "을", "로", "이다")),  # read 일
        ("[4대 2]", ("는", "가", "를", "로", "다")),  # read 이
    ],
)
def test_korean_particles(word, forms):
    assert tuple(attach(word).removeprefix(word) for attach in COMPUTED["ko"].values()) == forms


def test_korean_articles_carry_the_right_particle_after_every_entity():
    world = World(SEED)
    pairs = {"은": "는", "이": "가", "을": "를"}
    checked = 0
    for number in range(300):
        telling = world.telling(number, "ko")
        for span in telling.spans:
            after = re.match(r"(은|는|이|가|을|를)(?= )", telling.content[span.end :])
            if after and span.type != "DATE":
                closed = len(unicodedata.normalize("NFD", telling.content[span.end - 1])) == 3
                assert after[1] in (pairs if closed else pairs.values()), telling.content[span.start : span.end + 2]
                checked += 1
    assert checked > 300


def test_spanish_contracts_preposition_and_article():
    de, a = COMPUTED["es"].values()
    assert (de("el [Museo de Velta]"), a("el [Museo de Velta]")) == ("del [Museo de Velta]", "al [Museo de Velta]")
    assert (de("la [Policía]"), a("[Anna Kim]")) == ("de la [Policía]", "a [Anna Kim]")
    world = World(SEED)
    assert not any(re.search(r"\b(de|a) el\b", world.telling(number, "es").content) for number in range(300))


def test_counts_need_no_plural_rules():
    """Russian (CLDR: many) and Arabic (CLDR: many, 11-99) put the counted noun in one form for all of them."""
    for n in COUNTS.tolist():
        russian_one = n % 10 == 1 and n % 100 != 11
        russian_few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
        assert not russian_one and not russian_few
        assert 11 <= n % 100 <= 99


def test_switches_follow_the_gender():
    template = Template("{org} {org?принял/приняла/приняло} 5 %", LAYOUT, "here")
    values = ("совет", "совета", "Анна")
    assert [template.render(values, (gender, 1)) for gender in range(3)] == [
        "совет принял 5 %",
        "совет приняла 5 %",
        "совет приняло 5 %",
    ]
    assert Template("{who?a/b}", LAYOUT, "here").render(values, (0, 2)) == "b"
    assert Template("{org:gen} {who}", LAYOUT, "here").render(values, (0, 0)) == "совета Анна"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{place}", r"x\.toml: kind\.law: expected a slot of the roles org, who, got \{place\}"),
        ("{org:dat}", r"got \{org:dat\}"),
        ("{org?a/b} {who?a/b}", "switches on one role"),
        ("{org} }", "expected slots like"),
        ("[org]", "expected slots like"),
    ],
)
def test_a_wrong_template_names_its_place(text, message):
    with pytest.raises(DataError, match=message):
        Template(text, LAYOUT, "x.toml: kind.law")


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_is_complete_and_compiles(code):
    assert language(code)["script"] in ("latin", "cyrillic", "arabic", "han", "hangul", "thai")
    assert len(sentences(code).title) == len(inventory().kinds)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('JP = "Japan"\n', "", r"en\.toml: country: expected JP, got no such key"),
        (
            'cholera = "cholera"',
            'cholera = "cholera"\ncough = "cough"',
            r"en\.toml: thing: expected only .*, got also cough",
        ),
        ('script = "latin"', 'script = "runic"', r"en\.toml: script: expected one of latin"),
        ('cause.costs = "', 'cause.cost = "', r"kind\.layoffs\.cause: expected costs, got no such key"),
        ('"January", ', "", r"en\.toml: months: expected 12 names, got 11"),
        ('space = " "', "space = ", r"en\.toml is not TOML"),
        ('aside = ["Also in the news: {lead}", ', "aside = [", r"frames\.aside: expected at least 2 alternatives"),
        ('tool = "They used {tool}."', 'tool = "They used {tools}."', r"en\.toml: frames\.tool: .* got \{tools\}"),
    ],
)
def test_a_slip_in_a_lexicon_names_file_and_key(tmp_path, old, new, message):
    source = tmp_path / "world"
    shutil.copytree(folder(), source)
    path = source / "en.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        World(SEED, source=source).telling(0, "en")


def test_a_missing_lexicon_is_named(tmp_path):
    with pytest.raises(DataError, match=r"world\.toml, could not open it"):
        inventory(tmp_path)


def test_a_short_line_of_names_is_named(tmp_path):
    source = tmp_path / "world"
    shutil.copytree(folder(), source)
    path = source / "names.tsv"
    path.write_text(path.read_text(encoding="utf-8") + "given\tf\tEva\tЕва\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"names\.tsv: line \d+: expected part, gender and 6 scripts"):
        inventory(source)
