"""``smallbert size``: the calculator for analysts."""

import json
import subprocess
import sys

import pytest

from smallbert import cli
from smallbert.models import activations, presets

ALBERT = ["--vocab", "30000", "--hidden", "768", "--embedding", "128", "--layers", "12", "--share", "all"]


def as_json(capsys, *arguments: str) -> dict:
    assert cli.main(["size", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_preset_needs_neither_network_nor_torch():
    code = (
        "import sys\nfrom smallbert.cli import main\nmain(['size', 'bert-base-multilingual-cased'])\n"
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "word embeddings       91,812,096   51.6%" in done.stdout
    assert "total                177,853,440  100.0%" in done.stdout
    assert "factor map" not in done.stdout  # what the encoder lacks is left out
    assert "fp32  711.4 MB" in done.stdout
    assert "22.35 billion FLOPs a sequence of 128 tokens" in done.stdout
    assert "GB for a training step on 32 such sequences in fp32 with AdamW" in done.stdout


def test_sizes_and_name_give_the_same(capsys):
    by_sizes, by_name = as_json(capsys, *ALBERT), as_json(capsys, "albert-base-v2")
    assert by_name.pop("name") == "albert-base-v2"
    assert by_sizes.pop("name") == "an encoder of these sizes"
    assert by_sizes == by_name
    assert by_sizes["total"] == sum(by_sizes["parameters"].values()) == 11_683_584
    assert by_sizes["bytes"] == {"fp32": 46_734_336, "bf16": 23_367_168, "int8": 11_683_584}
    step = by_sizes["training_step_bytes"]
    assert (step["weights"], step["moments"]) == (4 * 11_683_584, 8 * 11_683_584)
    assert step["activations"] == 4 * activations.saved(presets.sizes("albert-base-v2"), 32, 128).total
    assert by_sizes["flops"] == {"per_token": 170_065_920, "sequence_of_128": 22_373_597_184}


def test_without_embedding_there_is_no_factor_map(capsys):
    base = ["--vocab", "30522", "--hidden", "768", "--layers", "12"]
    assert as_json(capsys, *base)["total"] == 109_482_240
    assert as_json(capsys, *base, "--embedding", "768")["parameters"]["factor_map"] == 769 * 768


def test_every_option_reaches_the_sizes(capsys):
    options = ["--vocab", "99", "--hidden", "24", "--layers", "6", "--embedding", "8", "--heads", "3"]
    options += ["--intermediate", "50", "--share", "ffn", "--groups", "2", "--positions", "64"]
    expected = {"vocabulary": 99, "hidden": 24, "layers": 6, "embedding": 8, "heads": 3, "intermediate": 50}
    expected |= {"share": "ffn", "groups": 2, "positions": 64}
    assert expected.items() <= as_json(capsys, *options)["sizes"].items()


def test_a_folder_is_read(capsys, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "vocab_size": 119547}')
    assert as_json(capsys, str(tmp_path))["total"] == 177_853_440


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--hidden", "768"], 2, "Expected a name or the sizes --vocab, --hidden and --layers; --vocab and --layers"),
        ([], 2, "--vocab and --hidden and --layers not given"),
        (["minilm", "--vocab", "9"], 2, "Expected a name or sizes, got both: minilm and --vocab."),
        (
            ["--vocab", "9", "--hidden", "70", "--layers", "2"],
            2,
            "Expected --heads, because hidden, 70, is no multiple",
        ),
        ([*ALBERT, "--heads", "7"], 2, "Expected hidden to be a multiple of heads, got 768 and 7."),
        ([*ALBERT, "--groups", "5"], 2, "Expected groups to divide layers, got 5 groups of 12 layers."),
        ([*ALBERT, "--share", "both"], 2, "Expected share out of none, attention, ffn, all; got 'both'."),
        ([*ALBERT, "--embedding", "769"], 2, "Expected embedding of at most hidden, 768; got 769."),
        ([*ALBERT, "--share", "none", "--groups", "2"], 2, "Expected groups only where layers share"),
        (["nobody/nothing"], 4, "'nobody/nothing' is no folder here and no preset"),
    ],
)
def test_impossible_sizes_say_what_was_expected(arguments, code, message, capsys):
    assert cli.main(["size", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_size_that_is_no_number_is_refused_at_once(capsys):
    with pytest.raises(SystemExit):
        cli.main(["size", "--vocab", "many"])
    assert "argument --vocab: expected a whole number of at least 1, got 'many'" in capsys.readouterr().err
