"""Pretraining throughput: our recipe against transformers' Trainer and a plain loop, one pass over the same documents.

Run: ``python tests/benchmarks/bench_pretrain.py [--vocabulary 8192 30522] [--quick]``. All variants train the same
model size on the same token ids (documents cut at the row's length, so that padding is all the packing saves) with the
same tokens a step; the ratios are those of real tokens a second. Tokenisation is done before, for all.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch
import transformers
from compare import Variant, compare
from texts import training
from transformers import BertConfig, BertForMaskedLM, DataCollatorForLanguageModeling

from smallbert.models import tokenizer as wordpiece
from smallbert.models.mlm import MaskedLanguageModelling, build_model
from smallbert.models.packing import PackedRows
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import Sizes
from smallbert.models.training import make_optimizer, update

LENGTH, ROWS = 128, 32


def documents(count: int, vocabulary: int, seed: int = 0) -> list[np.ndarray]:
    """Ids as of news: Zipf-distributed tokens, lengths lognormal with median 97, cut at 128."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(math.log(97), 0.6, count), 10, LENGTH).astype(int)
    return [np.array([wordpiece.CLS, *(5 + rng.zipf(1.2, n - 2) % (vocabulary - 5)), wordpiece.SEP]) for n in lengths]


def collator(vocabulary: int) -> DataCollatorForLanguageModeling:
    """The library's collator; the vocabulary's words are never looked at."""
    with tempfile.TemporaryDirectory() as folder:
        words = {name: i for i, name in enumerate(wordpiece.SPECIAL_TOKENS)}
        words |= {f"w{i}": i for i in range(len(words), vocabulary)}
        model = wordpiece.models.WordPiece(words, unk_token="[UNK]")
        wordpiece.save(wordpiece.Tokenizer(model), Path(folder))
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return DataCollatorForLanguageModeling(tokenizer)


def reference(recipe: PretrainRecipe, **changes: float) -> BertForMaskedLM:
    """The same sizes with transformers' own defaults, dropout 0.1 among them."""
    return BertForMaskedLM(
        BertConfig(
            vocab_size=recipe.vocabulary_size,
            hidden_size=recipe.hidden,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=recipe.intermediate,
            max_position_embeddings=LENGTH,
            **changes,
        )
    )


def trainer(ids: list[np.ndarray], recipe: PretrainRecipe, collate: DataCollatorForLanguageModeling) -> Callable:
    """One epoch of ``transformers.Trainer`` at its defaults."""
    model, folder = reference(recipe), tempfile.mkdtemp()
    rows = [{"input_ids": document.tolist()} for document in ids]

    def run() -> None:
        arguments = transformers.TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=ROWS,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        transformers.Trainer(model, arguments, train_dataset=rows, data_collator=collate).train()

    return run


def plain_loop(ids: list[np.ndarray], recipe: PretrainRecipe, collate: DataCollatorForLanguageModeling) -> Callable:
    """Padded batches, head on all tokens, unfused AdamW, no dropout."""
    model = reference(recipe, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run() -> None:
        for start in range(0, len(ids), ROWS):
            batch = collate([{"input_ids": document.tolist()} for document in ids[start : start + ROWS]])
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def ours(ids: list[np.ndarray], recipe: PretrainRecipe, dtype: torch.dtype) -> Callable:
    """The recipe's step over the same ids, packed."""
    rows = PackedRows(np.concatenate(ids), LENGTH)
    model = build_model(recipe, recipe.vocabulary_size, torch.device("cpu"))
    objective = MaskedLanguageModelling(model, rows, rows, recipe, dtype)
    optimizer = make_optimizer(model, recipe.weight_decay)

    def run() -> None:
        for step in range(math.ceil(len(rows) / ROWS)):
            update(objective, optimizer, recipe, step)

    return run


def useful(ids: list[np.ndarray], recipe: PretrainRecipe) -> float:
    """GFLOP of a pass over the documents: the encoder on all tokens, the head on those that are predicted."""
    sizes = Sizes(recipe.vocabulary_size, recipe.hidden, recipe.layers, recipe.heads, recipe.intermediate)
    predicted = recipe.masking_probability * sum(map(len, ids))
    head = 3 * 2e-9 * predicted * recipe.hidden * (recipe.hidden + recipe.vocabulary_size)
    return training(sizes, np.array([len(one) for one in ids])) + head


def measure(vocabulary: int, count: int, rounds: int) -> dict[str, Any]:
    """The comparison at one size of the vocabulary."""
    recipe = PretrainRecipe(vocabulary_size=vocabulary, batch_tokens=LENGTH * ROWS, learning_rate=1e-4)
    ids, collate = documents(count, vocabulary), collator(vocabulary)
    return compare(
        f"Pretraining, vocabulary {vocabulary:,}",
        {
            "transformers Trainer": Variant(trainer(ids, recipe, collate)),
            "plain loop, no dropout": Variant(plain_loop(ids, recipe, collate)),
            "smallbert fp32": Variant(ours(ids, recipe, torch.float32)),
            "smallbert bf16": Variant(ours(ids, recipe, torch.bfloat16), "bf16"),
        },
        amount=sum(map(len, ids)),
        unit="tokens",
        rounds=rounds,
        gflop=useful(ids, recipe),
    )


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=int, nargs="+", default=[8192, 30522], help="sizes (default 8192 30522)")
    parser.add_argument("--documents", type=int, default=96, help="documents a round (default 96)")
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    count = 32 if options.quick else options.documents
    found = [measure(vocabulary, count, machine.rounds(options)) for vocabulary in options.vocabulary]
    best = machine.best_of(one["limits"] for one in found)
    machine.save("pretrain", options.out, best, comparisons=found)


if __name__ == "__main__":
    main()
