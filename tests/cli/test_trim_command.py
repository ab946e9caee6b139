"""``smallbert trim``: from an encoder and a corpus to a smaller encoder that ``smallbert embed`` reads."""

import numpy as np
import pytest
import transformers

from smallbert import cli
from smallbert.compress.store import EmbeddingStore


def test_trim_and_embed(encoder, news, tmp_path, capsys):
    small = tmp_path / "small"
    assert cli.main(["trim", str(encoder), str(news), "--coverage", "1", "--out", str(small), "--lang", "en"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    letters = 5 + 4  # the first and the second ones of all pairs
    assert lines[1] == ["tokens", "125", str(5 + 20 + letters), "27.2%"]
    total = sum(parameter.numel() for parameter in transformers.AutoModel.from_pretrained(encoder).parameters())
    assert lines[2][:3] == ["parameters", f"{total:,}", f"{total - 8 * 91:,}"]
    assert lines[3][0] == "bytes"
    assert " ".join(lines[4]).startswith("100.0% of ") and "tokens 100.00% are unchanged" in " ".join(lines[4])
    stores = []
    for folder in (encoder, small):
        out = tmp_path / f"store-{folder.name}"
        arguments = ["embed", str(news), "--encoder", str(folder), "--out", str(out), "--lang", "en"]
        assert cli.main([*arguments, "--precision", "fp32", "--max-tokens", "16"]) == 0
        stores.append(EmbeddingStore.open(out))
    np.testing.assert_array_equal(*(store.vectors() for store in stores))


def test_a_number_of_tokens_costs_what_is_told(encoder, news, tmp_path, capsys):
    small = tmp_path / "small"
    assert cli.main(["trim", str(encoder), str(news), "--tokens", "20", "--out", str(small), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert len(transformers.AutoTokenizer.from_pretrained(small)) <= 20
    assert " cut otherwise and 0.0000% lost to an unknown token" in out and "tokens 100.00%" not in out


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--coverage", "1.5"], 2, "Expected a coverage above 0 and at most 1, got 1.5."),
        (["--tokens", "3"], 2, "Expected from 5 tokens, which are always kept, to 124; got 3."),
        (["--coverage", "1", "--column", "title"], 2, "--column: expected OURS=THEIRS, got 'title'"),
    ],
)
def test_mistakes_end_before_the_corpus_is_read(encoder, tmp_path, capsys, flags, code, message):
    arguments = ["trim", str(encoder), str(tmp_path / "missing.csv"), "--out", str(tmp_path / "small"), *flags]
    assert cli.main(arguments) == code
    assert message in capsys.readouterr().err


def test_an_encoder_is_not_overwritten(encoder, news, capsys):
    assert cli.main(["trim", str(encoder), str(news), "--coverage", "1", "--out", str(encoder)]) == 2
    assert "Expected a folder without an encoder" in capsys.readouterr().err


def test_one_of_coverage_and_tokens_is_needed(encoder, capsys):
    with pytest.raises(SystemExit):
        cli.main(["trim", str(encoder), "world", "--out", "small"])
    assert "one of the arguments --coverage --tokens is required" in capsys.readouterr().err
