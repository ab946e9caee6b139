"""Profiles and single settings: layers in order, errors that name file, profile and key."""

from __future__ import annotations

import pytest

from smallbert.errors import UsageError
from smallbert.report.parameters import MODELS
from smallbert.report.profiles import Profile, choose, load, require, resolve

EMPTY = Profile("tiny", "for tests", 1, "any")
FACTS = 'description = "d"\nminutes = 1\nmachine = "m"\n'


def profile(**values):
    return Profile("tiny", "for tests", 1, "any", values)


@pytest.mark.parametrize("name", ["smoke", "default", "news", "full"])
def test_committed_profile_resolves(name):
    resolved = resolve(choose(name), MODELS)
    assert {one.edition for one in resolved.values()} == {name}


def test_default_profile_is_the_notebooks_own_defaults():
    resolved = resolve(choose("default"), MODELS)
    assert resolved == {stem: model() for stem, model in MODELS.items()}


def test_later_layers_win():
    layers = profile(all={"seeds": 2, "seed": 9}, **{"02_autoencoder_depth": {"seeds": 3}})
    settings = ["seed=1", "03_layer_schedules.seed=5", "rates=[0.1, 0.2]", 'optimizers=["sgd"]']
    resolved = resolve(layers, MODELS, settings, edition="mine")
    assert resolved["02_autoencoder_depth"].seeds == 3
    assert resolved["03_layer_schedules"].seeds == 2
    seeds = {stem: one.seed for stem, one in resolved.items()}
    assert seeds == {**dict.fromkeys(MODELS, 1), "03_layer_schedules": 5}
    assert resolved["02_autoencoder_depth"].rates == [0.1, 0.2]
    assert resolved["02_autoencoder_depth"].edition == "mine"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sedd=3", "no notebook has a parameter 'sedd'. Did you mean 'seed'?"),
        ("seed", "expected NAME=VALUE, got 'seed'"),
        ("seed=abc", "-p seed: expected int, got 'abc'. Write it as in -p seed=0."),
        ("rates=0.1,0.2", "expected list[float], got '0.1,0.2'. Write it as in -p 'rates=[0.001, 0.003, 0.01]'."),
        ("02_autoencoder_dept.seed=1", "no notebook '02_autoencoder_dept'. Did you mean '02_autoencoder_depth'?"),
        ("02_autoencoder_depth.sedd=1", "02_autoencoder_depth has no parameter 'sedd'. Did you mean 'seed'?"),
        ("columns=title", """dict[str, str], got 'title'. Write it as in -p 'columns={"title": "headline"}'."""),
        ("corpus=missing.csv", "there is no file or folder"),
        ("edition=mine", "got 'edition=mine'. Use --edition mine."),
        ("02_autoencoder_depth.edition=mine", "got '02_autoencoder_depth.edition=mine'. Use --edition mine."),
        ("corpus=owner/name", "hub:OWNER/NAME"),
    ],
)
def test_wrong_setting_is_refused(setting, message):
    with pytest.raises(UsageError) as caught:
        resolve(EMPTY, MODELS, [setting])
    assert message in str(caught.value)


def test_text_needs_no_quotes_and_a_path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2024").mkdir()
    (tmp_path / "minilm").mkdir()  # a word of ours stays a word even beside a folder of that name
    first = resolve(EMPTY, MODELS, ["corpus=2024", "encoder=minilm"])["01_corpus_and_embeddings"]
    assert first.corpus == str(tmp_path / "2024")
    assert first.encoder == "minilm"


PAGE_1 = "01_corpus_and_embeddings"


@pytest.mark.parametrize("setting", ["encoder=minilm", f"{PAGE_1}.encoder=minilm"])
def test_the_encoder_of_page_1_is_that_of_every_page_that_asks_for_it(setting):
    resolved = resolve(EMPTY, MODELS, [setting, "07_knowledge.reader=pretrain"])
    named = {
        (stem, name): getattr(one, name)
        for stem, one in resolved.items()
        for name in ("encoder", "teacher", "reader")
        if hasattr(one, name)
    }
    assert set(named.values()) == {"minilm"} and {stem[:2] for stem, _ in named} == {
        "01",
        "04",
        "05",
        "06",
        "07",
        "08",
        "09",
    }


def test_a_page_keeps_the_encoder_it_is_given_itself(tmp_path):
    settings = [f"{PAGE_1}.encoder=minilm", f"05_distillation.teacher={tmp_path}"]
    resolved = resolve(EMPTY, MODELS, settings)
    assert resolved["05_distillation"].teacher == str(tmp_path)
    assert resolved["04_albert"].encoder == "minilm"
    assert resolve(EMPTY, MODELS)["05_distillation"].teacher == "pretrain"


def test_the_full_profile_reads_with_one_encoder():
    resolved = resolve(choose("full"), MODELS)
    assert (
        resolved["05_distillation"].teacher == resolved["04_albert"].encoder == resolved[PAGE_1].encoder != "pretrain"
    )


def test_folder_in_hub_format_is_made_absolute_and_a_data_set_on_the_hub_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved").mkdir()
    for given, expected in (("hub:saved:main:test", f"hub:{tmp_path}/saved:main:test"), ("hub:a/b", "hub:a/b")):
        assert resolve(EMPTY, MODELS, [f"corpus={given}"])["01_corpus_and_embeddings"].corpus == expected


def test_values_of_several_layers_are_judged_together():
    """On its own each setting would contradict a default."""
    layers = profile(**{"01_corpus_and_embeddings": {"pretrain_sequence": 256}})
    resolved = resolve(layers, MODELS, ["01_corpus_and_embeddings.max_tokens=256"])
    assert resolved["01_corpus_and_embeddings"].max_tokens == 256
    resolved = resolve(EMPTY, MODELS, ["encoder=minilm", "01_corpus_and_embeddings.max_tokens=256"])
    assert resolved["01_corpus_and_embeddings"].max_tokens == 256


def test_what_a_profile_leaves_to_its_user_must_be_given():
    with pytest.raises(UsageError) as caught:
        require(choose("news"), ["seed=1"])
    assert "Profile news needs -p corpus=..." in caught.value.message
    assert "smallbert run --profile news -p corpus=..." in caught.value.hint
    require(choose("news"), ["corpus=a.csv"])
    require(choose("news"), ["01_corpus_and_embeddings.corpus=world"])
    require(choose("default"), [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[tiny]\n{FACTS}jobs = 0", "profile tiny: expected jobs of at least 1, got 0"),
        (f'[tiny]\n{FACTS}requires = ["corpsu"]', "profile tiny: expected requires to list parameters, got ['corpsu']"),
        ("[tiny]\n", "profile tiny: expected description (str), got None"),
        (f"[tiny]\n{FACTS}descripton = 1", "profile tiny: unknown key 'descripton'. Did you mean 'description'?"),
        ("tiny = 3", "profile tiny: expected a table, got 3"),
        (f'[tiny]\n{FACTS}[tiny.all]\nedition = "x"', "profile tiny, all: the edition is no setting of a profile"),
        ("[tiny", "is no readable TOML"),
    ],
)
def test_faulty_file_is_named_with_profile_and_key(tmp_path, text, message):
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"02_autoencoder_depth": {"sedds": 1}}, "profile tiny: 02_autoencoder_depth has no parameter 'sedds'"),
        ({"all": {"sedd": 1}}, "profile tiny: no notebook has a parameter 'sedd'. Did you mean 'seed'?"),
        ({"02_autoencoder": {"seed": 1}}, "Did you mean '02_autoencoder_depth'?"),
        ({"all": {"seed": "x"}}, "data/profiles.toml, profile tiny: 01_corpus_and_embeddings.seed"),
    ],
)
def test_wrong_value_in_a_profile_is_named(values, message):
    with pytest.raises(UsageError) as caught:
        resolve(profile(**values), MODELS)
    assert message in str(caught.value)


def test_unknown_profile_gets_a_suggestion():
    with pytest.raises(UsageError, match=r"no profile 'smok'. Did you mean 'smoke'\?"):
        choose("smok")
