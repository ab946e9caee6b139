"""The recipe learns what ``transformers.Trainer`` learns from the same documents in as many tokens: same loss."""

import math

import numpy as np
import pytest
import torch
import transformers
from transformers import DataCollatorForLanguageModeling

from smallbert.models import tokenizer as wordpiece
from smallbert.models.mlm import MaskedLanguageModelling, build_model
from smallbert.models.packing import PackedRows
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.training import BETAS, CLIP_NORM, EPSILON, make_optimizer, update

pytestmark = pytest.mark.slow

SEEDS = range(4)
VOCABULARY, LENGTH, DOCUMENTS, EPOCHS, PER_STEP = 120, 64, 600, 5, 20


def documents(count: int, seed: int) -> list[np.ndarray]:
    """Each draws from five tokens of its own topic: the neighbours tell the topic, unigrams know nothing of it."""
    rng = np.random.default_rng(seed)
    ordinary = VOCABULARY - len(wordpiece.SPECIAL_TOKENS)
    texts = []
    for topic, length in zip(rng.integers(ordinary // 5, size=count), rng.integers(12, LENGTH - 1, count), strict=True):
        words = len(wordpiece.SPECIAL_TOKENS) + 5 * topic + rng.integers(5, size=length)
        texts.append(np.array([wordpiece.CLS, *words, wordpiece.SEP], np.int64))
    return texts


@pytest.fixture(scope="module")
def train() -> list[np.ndarray]:
    return documents(DOCUMENTS, seed=1)


@pytest.fixture(scope="module")
def collate(tmp_path_factory) -> DataCollatorForLanguageModeling:
    folder = tmp_path_factory.mktemp("tokenizer")
    words = {name: i for i, name in enumerate(wordpiece.SPECIAL_TOKENS)}
    words |= {f"w{i}": i for i in range(len(words), VOCABULARY)}
    wordpiece.save(wordpiece.Tokenizer(wordpiece.models.WordPiece(words, unk_token="[UNK]")), folder)
    return DataCollatorForLanguageModeling(transformers.AutoTokenizer.from_pretrained(folder))


def recipe(tokens: int, seed: int) -> PretrainRecipe:
    """As many steps as the trainer takes, of as many tokens on average."""
    steps = math.ceil(DOCUMENTS / PER_STEP) * EPOCHS
    batch = LENGTH * round(tokens / DOCUMENTS * PER_STEP / LENGTH)
    return PretrainRecipe(
        layers=2,
        hidden=32,
        heads=2,
        intermediate=64,
        vocabulary_size=VOCABULARY,
        sequence_length=LENGTH,
        batch_tokens=batch,
        tokens=steps * batch,
        learning_rate=3e-3,
        precision="fp32",
        seed=seed,
    )


def ours(rows: PackedRows, held_out: PackedRows, chosen: PretrainRecipe) -> float:
    model = build_model(chosen, VOCABULARY, torch.device("cpu"))
    objective = MaskedLanguageModelling(model, rows, held_out, chosen, torch.float32)
    optimizer = make_optimizer(model, chosen.weight_decay)
    for step in range(chosen.steps):
        update(objective, optimizer, chosen, step)
    return objective.evaluate()["held_out_loss"]


def theirs(train, held_out: PackedRows, chosen: PretrainRecipe, collate, folder) -> float:
    model = build_model(chosen, VOCABULARY, torch.device("cpu"))
    arguments = transformers.TrainingArguments(
        str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=PER_STEP,
        learning_rate=chosen.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(chosen.warmup_fraction * chosen.steps),
        weight_decay=chosen.weight_decay,
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        adam_epsilon=EPSILON,
        max_grad_norm=CLIP_NORM,
        seed=chosen.seed,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    rows = [{"input_ids": document.tolist()} for document in train]
    with torch.random.fork_rng():
        transformers.Trainer(model, arguments, train_dataset=rows, data_collator=collate).train()
    rows = PackedRows(held_out.tokens, LENGTH)
    return MaskedLanguageModelling(model, rows, held_out, chosen, torch.float32).evaluate()["held_out_loss"]


def test_loss_is_that_of_the_trainer_within_the_noise_of_seeds(train, collate, tmp_path):
    tokens = sum(map(len, train))
    rows = [PackedRows(np.concatenate(train), LENGTH, seed) for seed in SEEDS]
    held_out = PackedRows(np.concatenate(documents(200, seed=2)), LENGTH)
    mine = [ours(rows[seed], held_out, recipe(tokens, seed)) for seed in SEEDS]
    other = [theirs(train, held_out, recipe(tokens, seed), collate, tmp_path / str(seed)) for seed in SEEDS]
    assert max(mine) < math.log(VOCABULARY) - 1  # both have learned
    spread = math.sqrt((np.var(mine, ddof=1) + np.var(other, ddof=1)) / len(SEEDS))
    assert abs(np.mean(mine) - np.mean(other)) < max(3 * spread, 0.01 * np.mean(other)), (mine, other)
