"""Small runs of every kind of long work, each a few seconds: what the tests kill, stop and start again.

A job is called in a process of its own with a folder and does all that is not done there yet.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from smallbert.compress import embeddings, grid
from smallbert.compress.autoencoder import Architecture
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.distill import fleet, recording, train
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.fleet import Job
from smallbert.compress.distill.methods import Method
from smallbert.compress.training import Training
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}
RECIPE = PretrainRecipe(
    layers=2,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=150,
    sequence_length=32,
    batch_tokens=512,
    tokens=512 * 40,
    learning_rate=2e-3,
    evaluations=4,
    precision="fp32",
)


def texts(count: int, seed: int = 3) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(SYLLABLES, rng.integers(4, 60))) for _ in range(count)]


def write_corpus(path: Path, rows: int) -> None:
    lines = (f"{n},en,Title {n},{text}\n" for n, text in enumerate(texts(rows)))
    path.write_text("id,lang,title,content\n" + "".join(lines))


def write_encoder(folder: Path) -> None:
    """A tiny BERT with a head and a tokenizer that knows the syllables."""
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *SYLLABLES])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True)
    transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **dict(roles)).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        config = transformers.BertConfig(
            vocab_size=len(vocabulary), max_position_embeddings=64, pad_token_id=0, attn_implementation="eager", **SIZES
        )
        model = transformers.BertForMaskedLM(config)
    model.save_pretrained(folder)


def cells(epochs: int = 12) -> list[Cell]:
    architectures = [Architecture(48, 4, hidden) for hidden in [(), (24,), (32, 16), (40, 20, 10)]]
    training = Training(1e-3, epochs, batch_size=64, evaluate_at=(1,))
    return [Cell(architecture, training, seed) for architecture in architectures for seed in (0, 1)]


def grid_data() -> GridData:
    rng = np.random.default_rng(8)
    mix = rng.normal(size=(8, 48))
    return GridData(*((rng.normal(size=(rows, 8)) @ mix).astype(np.float32) for rows in (3000, 200, 200)))


def embed(folder: str, given: str) -> None:
    """``smallbert embed`` with shards of 64 rows."""
    from smallbert import cli

    torch.set_num_threads(1)
    embeddings.extract.__kwdefaults__["shard_rows"] = 64
    os.environ["SMALLBERT_CACHE"] = str(Path(folder) / "cache")
    command = ["embed", f"{given}/corpus.csv", "--encoder", f"{given}/encoder", "--out", f"{folder}/store"]
    if code := cli.main([*command, "--max-tokens", "64", "--precision", "fp32", "--device", "cpu"]):
        raise SystemExit(code)


def pretraining(folder: str, given: str) -> None:
    """From texts, tokenizer included; a checkpoint every fifth step."""
    torch.set_num_threads(1)
    pretrain(texts(900), RECIPE, Path(folder) / "bert", device="cpu", checkpoint_every=5)


def autoencoders(folder: str, given: str) -> None:
    """Eight cells, their weights kept."""
    torch.set_num_threads(1)
    keep = {"keep_weights": lambda cell: True, "device": "cpu", "jobs": 2}
    grid.train(cells(), grid_data(), Path(folder) / "grid", **keep)


def students(folder: str, given: str) -> None:
    """A teacher's recording in shards of 2,000 tokens, then two students, one after the other."""
    torch.set_num_threads(1)
    recording.SHARD_TOKENS = 2000
    teacher = teachers.load(f"{given}/encoder", precision="fp32", device="cpu")
    store = train.encode(texts(400), teacher, Path(folder) / "tokens")
    recipe = PretrainRecipe(**{**vars(RECIPE), "tokens": 512 * 30, "heads": 4, "hidden": 48, "layers": 1})
    jobs = [Job(name, recipe, Method(name)) for name in ("hinton", "sentence")]
    fleet.distil_all(jobs, store, f"{given}/encoder", Path(folder) / "students", device="cpu", workers=1)


def quietly(work: str, folder: str, given: str) -> None:
    """Do a job by its name, with what it prints, and why it failed, kept in ``folder/said``.

    Where ``folder/kill`` says ``before 3`` or ``after 3``, the job dies at the third file that it puts in its place.
    """
    if (order := Path(folder) / "kill").exists():
        when, number = order.read_text().split()
        die_at_a_replacement(when == "before", int(number))
    with (
        open(f"{folder}/said", "w", buffering=1) as said,
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(said),
    ):
        try:
            globals()[work](folder, given)
        except Exception:
            traceback.print_exc()
            raise


def tiny_report() -> ModuleType:
    """The report of two notebooks that tests/report has."""
    path = Path(__file__).parents[1] / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_report", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def report(folder: str, given: str) -> None:
    """``smallbert run`` of the two notebooks of the project ``given``, pages included."""
    from smallbert import cli

    _of_project(given)
    if code := cli.main(["run", "--profile", "tiny", "--out", folder]):
        raise SystemExit(code)


def render(folder: str, given: str) -> None:
    """``smallbert render``."""
    from smallbert import cli

    _of_project(given)
    if code := cli.main(["render", "--edition", "tiny", "--out", folder]):
        raise SystemExit(code)


def die_at_a_replacement(before: bool, number: int) -> None:
    """From now on this process is killed just before, or just after, the n-th file that it puts in its place."""
    replace, left = os.replace, [number]

    def killing(source: str, target: str) -> None:
        left[0] -= 1
        if before and not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = killing


def _of_project(root: str) -> None:
    """Be a command given in the project ``root``, whose notebooks have the parameters of tests/report."""
    from smallbert.report import parameters

    project = tiny_report()
    parameters.MODELS |= {"01_first": project.First, "02_second": project.Second}
    os.environ["SMALLBERT_ROOT"] = root
    os.chdir(root)
