"""Which files of a folder, and of a hub's repository, are an encoder."""

import shutil
from pathlib import Path

import huggingface_hub
import pytest
import transformers
from huggingface_hub.utils import filter_repo_objects

from smallbert import storage
from smallbert.errors import DataError
from smallbert.models import encoder, sources
from smallbert.storage import write_json

KEPT = {
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
    "13_Dense/model.safetensors",
}
LEFT = {
    "pytorch_model.bin",
    "2_Dense/pytorch_model.bin",
    "modeling_own.py",
    "2_Dense/modeling_own.py",
    "onnx/model.safetensors",
    "other/config.json",
    "index.safetensors",
    "training_args.bin",
}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A repository and what fetches of it, by the hub's own rule, the files that are asked for."""
    repository = tmp_path / "repository"
    for name in KEPT | LEFT:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("{}")

    def fetch(name, *, allow_patterns, ignore_patterns=None):
        names = sorted(str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file())
        for file in filter_repo_objects(names, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns):
            (tmp_path / "cached" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / file, tmp_path / "cached" / file)
        return str(tmp_path / "cached")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    return repository


def files(folder):
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_hub_gives_last_layers_and_neither_pickles_nor_code(hub):
    assert files(sources.find("nobody/narrow")) == KEPT


def test_the_hub_gives_weights_in_several_files(hub):
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    (hub / "model.safetensors").unlink()
    for name in shards:
        (hub / name).write_text("")
    write_json(hub / "model.safetensors.index.json", {"weight_map": {"a": shards[0], "b": shards[1], "c": shards[0]}})
    found = sources.find("nobody/sharded")
    assert sources.weight_files(found) == [found / name for name in shards]


def test_a_cached_copy_is_found_without_a_network(tmp_path, monkeypatch):
    """As the hub's client lays it out; the tests run with HF_HUB_OFFLINE."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--nobody--narrow"
    snapshot = place / "snapshots" / ("a" * 40)
    for name in KEPT:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_text("{}")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("a" * 40)
    kinds = ("Transformer", "Pooling", "Dense")
    modules = [{"path": f"{n}_{kind}" if n else "", "type": f"theirs.{kind}"} for n, kind in enumerate(kinds)]
    write_json(snapshot / "modules.json", modules)
    assert sources.last_layers(sources.find("nobody/narrow")) == [snapshot / "2_Dense"]


def test_other_files_beside_the_weights_are_none_of_them(tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    before = sources.checksum(tmp_path)
    for name in ("index.safetensors", "index-2.safetensors", "quantised.safetensors", "model-old.safetensors"):
        (tmp_path / name).write_text("")
    assert sources.weight_files(tmp_path) == [tmp_path / "model.safetensors"]
    assert sources.checksum(tmp_path) == before
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"weights as model\*\.safetensors"):
        sources.find(str(tmp_path))


def test_an_encoder_without_a_tokenizer_is_refused(tmp_path):
    """Transformers would make an empty one, to which all words are the same."""
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"Expected the encoder's tokenizer in .*none of tokenizer\.json, vocab\.txt"):
        encoder.load(str(tmp_path), device="cpu")
    sources.require_tokenizer(sources.find("minilm"))


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ({"weight_map": {"a": "lost.safetensors"}}, "lost.safetensors, which model.safetensors.index.json names"),
        ({"weight_map": {"a": "../outside.safetensors"}}, "outside.safetensors, which"),
        ({"weight_map": ["a"]}, "is no index of weights"),
        ({"weight_map": {"a": 3}}, "is no index of weights"),
        ({}, "is no index of weights"),
    ],
)
def test_an_index_of_files_that_is_none_is_refused(tmp_path, index, told):
    folder = tmp_path / "encoder"
    write_json(folder / "model.safetensors.index.json", index)
    (tmp_path / "outside.safetensors").write_text("")
    with pytest.raises(DataError, match=told):
        sources.weight_files(folder)


def test_a_file_is_read_again_when_it_is_written_again(tmp_path, monkeypatch):
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text("{}")
    (encoder / "model.safetensors").write_bytes(b"first")
    reads = []
    sha256_file = storage.sha256_file
    monkeypatch.setattr(storage, "sha256_file", lambda path: reads.append(path.name) or sha256_file(path))
    before = sources.checksum(encoder)
    assert sources.checksum(encoder) == before and sorted(reads) == ["config.json", "model.safetensors"]
    (encoder / "model.safetensors").write_bytes(b"other")  # of the same length
    assert sources.checksum(encoder) != before and sorted(reads) == ["config.json", *["model.safetensors"] * 2]
