"""A format in a file reads and writes the same bytes as the one it was made of; nothing else is taken for one."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from smallbert.compress.autoencoder import Architecture, build
from smallbert.compress.codes import files, sparse
from smallbert.compress.codes.autoencoded import Autoencoded
from smallbert.compress.codes.catalogue import METHODS, Training, identity
from smallbert.compress.codes.code import Mapped, OfOneLength, Rescored, Symmetric, remapped, storing
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.compress.codes.product import ProductQuantiser
from smallbert.compress.codes.sparse import Sparse
from smallbert.errors import DataError, UsageError

NUMBERS = np.random.default_rng(7).standard_normal((300, 8)).astype(np.float32)
FORMATS = [
    Floats(8, 16),
    Floats(8, 32),
    Int8.fit(NUMBERS),
    Binary.signs(8),
    Binary.fit(NUMBERS),
    ProductQuantiser.fit(NUMBERS, 2, seed=0),
    Sparse(sparse.train(NUMBERS, entries=16, ks=[1, 2], epochs=1, seed=0), 2),
    OfOneLength(Autoencoded(build(Architecture(8, 2, (4,), decoder="mlp"), 0), NUMBERS.mean(axis=0), Floats(2, 16))),
]


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: f"{type(one).__name__}-{one.nbytes}")
def test_a_format_read_again_stores_the_same_bytes(format, tmp_path):
    files.write(format, tmp_path / "index.safetensors")
    again = files.read(tmp_path / "index.safetensors")
    assert type(again) is type(format) and again.nbytes == format.nbytes
    stored = format.encode(NUMBERS)
    np.testing.assert_array_equal(again.encode(NUMBERS), stored)
    np.testing.assert_array_equal(again.decode(stored), format.decode(stored))


def test_what_is_no_format_is_refused(tmp_path):
    path = tmp_path / "index.safetensors"
    with pytest.raises(DataError, match="Expected the format of an index"):
        files.read(path)
    save_file({"codewords": np.zeros(3)}, path)
    with pytest.raises(DataError, match="smallbert format"):
        files.read(path)
    save_file({"low": np.zeros(3)}, path, metadata={"smallbert format": '{"format": "Pickle"}'})
    with pytest.raises(DataError, match="Pickle"):
        files.read(path)
    files.write(FORMATS[-1], path)
    arrays = load_file(path)
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    save_file(arrays, path, metadata={key: value.replace('"mlp"', '"cubic"') for key, value in about.items()})
    with pytest.raises(DataError, match="Expected decoder out of"):
        files.read(path)
    save_file(arrays, path, metadata={key: value.replace('"mlp"', '"affine"') for key, value in about.items()})
    with pytest.raises(DataError, match="Expected the format of an index"):  # a weight too many
        files.read(path)
    files.write(FORMATS[2], path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="Expected the format of an index"):
        files.read(path)


@pytest.mark.parametrize("name", ["PCA, int8", "PCA, binary", "PCA, binary, rescored"])
def test_a_code_behind_no_map_scores_mapped_vectors_alike(name):
    nbytes = {"PCA, int8": 4}.get(name, 1)
    code = METHODS[name].fit(Training(NUMBERS, [nbytes], epochs=0), nbytes, 0)
    mapped = storing(code).map.encode(NUMBERS)
    alone = remapped(code, lambda map: identity(map.width))
    assert type(alone) is type(code) and isinstance(alone, Mapped | Symmetric | Rescored)
    stored = code.encode(NUMBERS)
    np.testing.assert_array_equal(alone.encode(mapped), stored)
    torch.testing.assert_close(
        torch.from_numpy(alone.scores(mapped[:20], stored)), torch.from_numpy(code.scores(NUMBERS[:20], stored))
    )


def test_a_code_without_a_map_has_no_other():
    sparse = METHODS["k-sparse"].fit(Training(np.tile(NUMBERS, (1, 8)), [8], epochs=1), 8, 0)
    for ask in (storing, lambda code: remapped(code, lambda map: map)):
        with pytest.raises(UsageError, match="Expected a code of a map and a format, got Sparse"):
            ask(sparse)
