"""Fine-tuning throughput: our loop against transformers' Trainer, the same sentences, epochs, batch size and rate.

Run: ``python tests/benchmarks/bench_finetune.py [--encoder minilm] [--sentences 96] [--rounds 5] [--quick]``. Parts of
speech of English sentences (UD English EWT, CoNLL-U, in ``--data``). All start from the same weights and head;
tokenisation is done before, for all. Accuracy on test sentences after the last round stands beside the speed: a loop
that is faster because it learns less has gained nothing.
"""

from __future__ import annotations

import copy
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import tempfile
from collections.abc import Callable
from pathlib import Path

import machine
import numpy as np
import torch
import transformers
from compare import Variant, compare
from texts import DATA, training
from transformers import DataCollatorForTokenClassification

from smallbert import runtime
from smallbert.corpus.tasks import conllu
from smallbert.models import sources
from smallbert.models import training as loop
from smallbert.models.heads import network as networks
from smallbert.models.heads.forward import all_outputs
from smallbert.models.heads.network import Network
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.tagging import IGNORED, Tagging
from smallbert.models.sizes import from_config

TASK = Tagging()
RECIPE = FineTuneRecipe(learning_rate=1e-4, warmup_fraction=0.0)


def trainer(network: Network, part: Part) -> Callable[[], None]:
    """``transformers.Trainer`` at its defaults (fp32, dropout, batches padded to their longest)."""
    model = copy.deepcopy(network.model)
    model.set_attn_implementation("sdpa")
    begin, folder = copy.deepcopy(model.state_dict()), tempfile.mkdtemp()
    ids, targets = (np.split(whole, part.inputs.starts[1:-1]) for whole in (part.inputs.ids, part.targets))
    rows = [{"input_ids": a.tolist(), "labels": b.tolist()} for a, b in zip(ids, targets, strict=True)]
    arguments = transformers.TrainingArguments(
        folder,
        num_train_epochs=RECIPE.epochs,
        per_device_train_batch_size=RECIPE.batch_size,
        learning_rate=RECIPE.learning_rate,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )

    def run() -> None:
        model.load_state_dict(begin)
        collate = DataCollatorForTokenClassification(network.tokenizer)
        transformers.Trainer(model, arguments, train_dataset=rows, data_collator=collate).train()
        network.model.load_state_dict(model.state_dict())

    return run


def ours(network: Network, part: Part) -> Callable[[], None]:
    """The loop behind ``finetune_all``, over the same inputs."""
    begin = copy.deepcopy(network.model.state_dict())
    run_of = Run(RECIPE, len(part.inputs), len(part.inputs.ids))

    def run() -> None:
        network.model.load_state_dict(begin)
        objective = FineTuning(network, TASK, part, run_of)
        optimizer = loop.make_optimizer(objective.model, RECIPE.weight_decay)
        for step in range(run_of.steps):
            loop.update(objective, optimizer, run_of, step)

    return run


def accuracy(network: Network, part: Part) -> float:
    """Share of words tagged right."""
    found = all_outputs(network, part.inputs).argmax(1).numpy()
    words = part.targets != IGNORED
    return float((found == part.targets)[words].mean())


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="minilm", help="an encoder that reads English (default minilm)")
    parser.add_argument("--data", type=Path, default=DATA / "tagging" / "ud_english_ewt", help="folder of the CoNLL-U")
    parser.add_argument("--sentences", type=int, default=96, help="sentences to train on (default 96)")
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    sentences = {part: list(conllu.read(next(options.data.glob(f"*{part}.conllu")))) for part in ("train", "test")}
    count = 32 if options.quick else options.sentences
    train, test = sentences["train"][:count], sentences["test"]
    labels = TASK.labels(train)

    def network(dtype: torch.dtype) -> Network:
        device = runtime.device("cpu")
        return networks.build(options.encoder, TASK.head, len(labels), seed=0, device=device, dtype=dtype)

    exact = {"transformers Trainer": trainer, "smallbert fp32": ours}
    arms = {name: (network(torch.float32), make) for name, make in exact.items()}
    arms["smallbert bf16"] = (network(torch.bfloat16), ours)
    reader = Reader(arms["smallbert fp32"][0].tokenizer, RECIPE.max_tokens)
    known = [example for example in test if set(example.tags) <= set(labels)][:500]
    parts = []
    for examples in (train, known):
        inputs = TASK.read(examples, reader)
        parts.append(Part(inputs, TASK.targets(examples, inputs, labels)))
    sizes = from_config(transformers.AutoConfig.from_pretrained(sources.find(options.encoder)))
    found = compare(
        "Fine-tuning",
        {
            name: Variant(make(model, parts[0]), "bf16" if name.endswith("bf16") else "fp32")
            for name, (model, make) in arms.items()
        },
        amount=RECIPE.epochs * len(parts[0].inputs.ids),
        unit="tokens",
        rounds=machine.rounds(options),
        gflop=RECIPE.epochs * training(sizes, np.diff(parts[0].inputs.starts)),
        checks=lambda: {name: {"test accuracy": accuracy(model, parts[1])} for name, (model, _) in arms.items()},
    )
    machine.save("finetune", options.out, found["limits"], comparisons=[found | {"sentences": count}])


if __name__ == "__main__":
    main()
