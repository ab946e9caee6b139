"""Weights that can run code and models that bring their own are refused by everything that loads a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fault_jobs
import pytest
import torch

from smallbert import cli
from smallbert.compress import quantize, vocabulary
from smallbert.compress.distill import teacher
from smallbert.errors import SmallbertError
from smallbert.models import encoder, hidden_states, interchange, sources
from smallbert.models.heads import network

EVIL = """
import pathlib
pathlib.Path({mark!r}).write_text("code of a model ran")
class Evil:
    def __init__(self, *args, **options): pass
    @classmethod
    def register_for_auto_class(cls, *names): pass
    @classmethod
    def from_pretrained(cls, *args, **options): return cls()
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "encoder"
    fault_jobs.write_encoder(folder)
    fault_jobs.write_corpus(folder.parent / "corpus.csv", 30)
    return folder


class Pickled:
    """What runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.mark, "a pickle ran")


def pickled(folder: Path, mark: Path) -> None:
    """Weights as a pickle alone."""
    (folder / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": Pickled(mark)}, folder / "pytorch_model.bin")


def own_code(folder: Path, mark: Path) -> None:
    """A family that is unknown, with classes of its own for everything."""
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    config = json.loads((folder / "config.json").read_text())
    kinds = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM", "AutoModelForCausalLM", "AutoTokenizer")
    config |= {"model_type": "evil", "auto_map": dict.fromkeys(kinds, "evil.Evil")}
    (folder / "config.json").write_text(json.dumps(config))
    own_tokenizer(folder, mark)


def own_tokenizer(folder: Path, mark: Path) -> None:
    """A tokenizer with a class of its own; model and family are those of a sound encoder."""
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    path.write_text(json.dumps(settings))
    (folder / "tokenizer.json").unlink()


def command(*words: object) -> int:
    return cli.main([str(word) for word in words])


def corpus_of(folder: Path) -> Path:
    return folder.parent / "corpus.csv"


LOADERS: dict[str, Callable[[Path, Path], object]] = {
    "encoder": lambda folder, out: encoder.load(str(folder)),
    "layers of an encoder": lambda folder, out: hidden_states.load(str(folder)),
    "teacher": lambda folder, out: teacher.load(str(folder)),
    "encoder to train on": lambda folder, out: interchange.load(folder),
    "encoder to fine-tune": lambda folder, out: network.build(
        folder, "SequenceClassification", 2, seed=0, device=torch.device("cpu"), dtype=torch.float32
    ),
    "smaller vocabulary": lambda folder, out: vocabulary.Vocabulary(str(folder)),
    "fewer bits": lambda folder, out: quantize.write(sources.find(str(folder)), out, 8),
    "embed": lambda folder, out: command("embed", corpus_of(folder), "--encoder", folder, "--out", out),
    "trim": lambda folder, out: command("trim", folder, corpus_of(folder), "--coverage", "0.9", "--out", out),
    "distil": lambda folder, out: command(
        *("distil", "--teacher", folder, "--student-layers", "1", "--corpus", corpus_of(folder), "--out", out)
    ),
    "build": lambda folder, out: command(
        *("build", "pca-8", "--corpus", corpus_of(folder), "--encoder", folder, "--out", out)
    ),
    "size": lambda folder, out: command("size", folder),
}
CONFIGURATION_ALONE = ("size",)
NO_TOKENIZER = ("encoder to train on", "fewer bits", "size")


@pytest.fixture
def refused(sound, tmp_path, monkeypatch):
    """Spoil a sound encoder and load it: whether it was refused by us. Nothing of its own may have run."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def load(loader: str, spoil: Callable[[Path, Path], None]) -> bool:
        folder, mark = tmp_path / "given" / "encoder", tmp_path / "mark"
        shutil.copytree(sound.parent, folder.parent)
        spoil(folder, mark)
        try:
            found = LOADERS[loader](folder, tmp_path / "out")
        except SmallbertError as error:
            found = error.exit_code
            assert error.hint
        assert not mark.exists()
        return found in (SmallbertError.exit_code, 2, 3, 4)

    return load


@pytest.mark.parametrize("loader", [name for name in LOADERS if name not in CONFIGURATION_ALONE])
def test_pickles_are_refused(loader, refused):
    assert refused(loader, pickled)


@pytest.mark.parametrize("loader", [name for name in LOADERS if name != "fewer bits"])
def test_models_with_code_of_their_own_are_refused(loader, refused):
    assert refused(loader, own_code)


@pytest.mark.parametrize("loader", [name for name in LOADERS if name not in NO_TOKENIZER])
def test_tokenizers_with_code_of_their_own_are_refused(loader, refused):
    assert refused(loader, own_tokenizer)


@pytest.mark.parametrize("loader", [name for name in LOADERS if name not in CONFIGURATION_ALONE])
def test_truncated_weights_are_refused(loader, refused):
    def truncated(folder: Path, mark: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert refused(loader, truncated)


@pytest.mark.parametrize("loader", [*LOADERS])
@pytest.mark.parametrize("text", ["{", "[]", "3", '{"model_type": ["bert"]}', "[" * 5000])
def test_configurations_that_are_none_are_refused(loader, text, refused):
    def spoilt(folder: Path, mark: Path) -> None:
        (folder / "config.json").write_text(text)

    assert loader == "fewer bits" or refused(loader, spoilt)


def test_a_pickle_beside_safetensors_is_not_looked_at(sound, tmp_path):
    folder, mark = shutil.copytree(sound, tmp_path / "encoder"), tmp_path / "mark"
    torch.save({"x": Pickled(mark)}, folder / "pytorch_model.bin")
    loaded = encoder.load(str(folder), max_tokens=16)
    assert loaded.width == fault_jobs.SIZES["hidden_size"] and not mark.exists()


def test_the_traps_work(sound, tmp_path):
    """Without our refusals the code would run: the traps of this file are none otherwise."""
    import transformers

    folder, mark = shutil.copytree(sound, tmp_path / "encoder"), tmp_path / "mark"
    pickled(folder, mark)
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert mark.read_text() == "a pickle ran"
    mark.unlink()
    own_code(folder, mark)
    transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert mark.read_text() == "code of a model ran"
