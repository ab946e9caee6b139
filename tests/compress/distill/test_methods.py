from dataclasses import replace

import pytest

from smallbert.compress.distill.methods import TERMS, WEIGHTS, Method, check
from smallbert.errors import UsageError


def test_distilbert_has_the_weights_its_author_gave():
    method = Method("distilbert")
    assert method.terms == {"hard": 2.0, "soft": 5.0, "cosine": 1.0} and method.temperature == 2.0


def test_a_term_is_removed_for_good():
    method = Method("distilbert").without("soft")
    assert method.terms == replace(method, temperature=3.0).terms == {"hard": 2.0, "cosine": 1.0}
    assert method.without("hard").terms == {"cosine": 1.0}
    assert Method("minilm", {"hard": 0.5}).terms == {"hard": 0.5, "attention": 1.0, "values": 1.0}
    assert method.identity()["weights"] == method.terms
    with pytest.raises(UsageError, match=r"a term of distilbert \(hard, cosine\), got 'soft'"):
        method.without("soft")
    with pytest.raises(UsageError, match="at least one loss in alone, got none"):
        Method("alone").without("hard")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("alone", set()),
        ("hinton", {"top", "rest-2"}),
        ("distilbert", {"top", "rest-2", "hidden-12"}),
        ("pkd", {"top", "rest-2", "first-4", "first-8"}),
        ("minilm", {"queries-12", "keys-12", "values-12"}),
        ("sentence", {"hidden-12", "pooled"}),
        (
            "tinybert",
            {"top", "rest-1", "hidden-0", *(f"{one}-{m}" for one in ("hidden", "queries", "keys") for m in (4, 8, 12))},
        ),
    ],
)
def test_what_is_wanted_of_twelve_layers_for_three(name, wanted):
    assert Method(name).wanted(3, 12) == wanted


def test_every_method_weighs_known_terms_and_every_term_is_used():
    assert set().union(*WEIGHTS.values()) == set(TERMS)
    assert {name for name in WEIGHTS if not Method(name).masked} == {"tinybert-general", "minilm", "sentence"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "magic"}, "a method out of alone, .*, got 'magic'"),
        ({"weights": {"warm": 1.0}}, "weights of hard, .*, got one of 'warm'"),
        ({"weights": {"soft": -1.0}}, "at least 0 for soft, got -1.0"),
        ({"weights": {"soft": float("nan")}}, "at least 0 for soft, got nan"),
        ({"temperature": 0.0}, "a temperature above 0, got 0.0"),
        ({"places": "some"}, "places masked or all, got 'some'"),
        ({"layer_map": "middle"}, "a layer map out of uniform, top, bottom, got 'middle'"),
    ],
)
def test_impossible_methods_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        Method(**{"name": "hinton", **fields})


@pytest.mark.parametrize("name", ["hinton", "distilbert", "pkd", "tinybert"])
def test_a_teacher_without_a_head_gives_no_predictions(name, headless_teacher, recipe):
    with pytest.raises(
        UsageError, match=f"Method {name} needs the teacher's predictions .* has no masked-language"
    ) as e:
        check(Method(name), recipe, headless_teacher)
    assert e.value.hint == "Choose a method on hidden states: sentence, minilm or tinybert-general."


@pytest.mark.parametrize("name", ["alone", "tinybert-general", "minilm", "sentence"])
def test_a_teacher_without_a_head_gives_all_else(name, headless_teacher, recipe):
    check(Method(name), recipe, headless_teacher)


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        (Method("tinybert"), {"layers": 3}, r"divide the teacher's 4 \(1, 2, 4\), got 3"),
        (Method("tinybert"), {"layers": 5}, "a student of 1 to 4 layers"),
        (Method("tinybert"), {"heads": 2}, "head by head: expected 4 heads as the teacher has, got 2"),
        (Method("minilm"), {"heads": 2}, "head by head: expected 4 heads as the teacher has, got 2"),
        (Method("minilm", relation_heads=3), {}, "divide both widths, 32 and 32, got 3"),
        (Method("pkd"), {"layers": 1}, "a student of 1 layer has none"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(method, change, message, teacher, recipe):
    with pytest.raises(UsageError, match=message):
        check(method, replace(recipe, **change), teacher)


def test_relation_heads_free_the_heads(teacher, recipe):
    check(Method("minilm", relation_heads=8), replace(recipe, heads=2, hidden=16), teacher)
    check(Method("tinybert").without("scores"), replace(recipe, heads=2), teacher)
