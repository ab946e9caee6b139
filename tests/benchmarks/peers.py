"""Other libraries' way from texts to vectors: MiniLM in sentence-transformers, transformers, ONNX Runtime, OpenVINO.

ONNX Runtime and OpenVINO are the extra ``peers`` and are left out where they are missing. Both read one graph, exported
from the local weights by torch.export (the older export by tracing gives a graph whose vectors are wrong as soon as the
length changes: cosines of 0.93 where it should be 1; torch 2.13, transformers 5.23). Both get what our encoder has:
texts in the order of their tokens, batches of a bounded number of tokens, one stream a core.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from smallbert import paths, runtime, storage
from smallbert.models import sources

BATCH_TOKENS = 1024
"""Tokens of a padded batch: best for both on the machines where it was tried (512 to 4,096)."""

Encode = Callable[[list[str]], np.ndarray]


def sentence_transformers(folder: str, max_tokens: int, dtype: torch.dtype = torch.float32, batch: int = 32) -> Encode:
    """``SentenceTransformer.encode``; its own default batch is 32. Texts are cut where the others cut them."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype})
    model.max_seq_length = max_tokens
    return lambda texts: model.encode(texts, batch_size=batch, show_progress_bar=False)


def pipeline(folder: str, max_tokens: int) -> Encode:
    """``transformers.pipeline`` at its default batch size of 1, the mean over tokens taken by hand."""
    options = {"tokenize_kwargs": {"truncation": True, "max_length": max_tokens}, "return_tensors": True}
    extract = transformers.pipeline("feature-extraction", model=folder, device="cpu", **options)
    return lambda texts: np.stack([states[0].mean(0).numpy() for states in extract(texts)])


def exported(name: str, folder: Path) -> Path:
    """The encoder ``name`` with mean pooling as an ONNX graph under ``folder``, exported once."""
    checksum = sources.checksum(sources.find(name))
    place = folder / storage.digest([checksum, torch.__version__, transformers.__version__]) / "model.onnx"
    if place.exists():
        return place
    model = _Pooled(transformers.AutoModel.from_pretrained(sources.find(name), add_pooling_layer=False)).eval()
    ids = torch.randint(5, 1000, (3, 17), generator=torch.Generator().manual_seed(0))
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    aside = place.parent.with_name(f"{place.parent.name}.part")
    aside.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        torch.onnx.export(
            model, (ids, torch.ones_like(ids)), aside / place.name, input_names=["ids", "mask"],
            output_names=["pooled"], dynamo=True, dynamic_shapes={"ids": axes, "mask": axes}, verbose=False,
        )  # fmt: skip
    aside.rename(place.parent)
    return place


def graphs(name: str, tokenize: Callable[[list[str]], list[np.ndarray]]) -> dict[str, tuple[Encode, str]]:
    """What ONNX Runtime and OpenVINO make of one graph: by name, the function and its number format.

    Args:
        name: the encoder.
        tokenize: texts to ids, cut where the others cut.
    """
    folder, found = paths.cache() / "benchmarks" / "onnx", {}
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnxscript"):
        graph = exported(name, folder)
        found["ONNX Runtime"] = (_onnx_runtime(graph, tokenize), "fp32")
        found["ONNX Runtime, dynamic int8"] = (_onnx_runtime(_dynamic_int8(graph), tokenize), "int8")
        if importlib.util.find_spec("openvino"):
            found["OpenVINO"] = (_openvino(graph, "f32", tokenize), "fp32")
            if runtime.has_fast_bf16():
                found["OpenVINO bf16"] = (_openvino(graph, "bf16", tokenize), "bf16")
    return found


class _Pooled(torch.nn.Module):
    """Mean over a text's tokens on top of an encoder."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(2).to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1)


def _dynamic_int8(graph: Path) -> Path:
    """Weights and inputs of matrix products as int8, scales found while running; nothing is calibrated."""
    place = graph.with_name("dynamic-int8.onnx")
    if not place.exists():
        from onnxruntime import quantization

        aside = place.with_name("dynamic-int8.part.onnx")
        quantization.quantize_dynamic(graph, aside, weight_type=quantization.QuantType.QInt8)
        aside.rename(place)
    return place


def _onnx_runtime(graph: Path, tokenize: Callable[[list[str]], list[np.ndarray]]) -> Encode:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.cores()
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def encode(texts: list[str]) -> np.ndarray:
        ids = tokenize(texts)
        parts = _batches(ids)
        found = [session.run(None, _padded([ids[row] for row in rows]))[0] for rows in parts]
        return _ordered(parts, found)

    return encode


def _openvino(graph: Path, precision: str, tokenize: Callable[[list[str]], list[np.ndarray]]) -> Encode:
    import openvino

    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": runtime.cores()}
    settings["INFERENCE_NUM_THREADS"] = runtime.cores()
    compiled = openvino.Core().compile_model(openvino.convert_model(graph), "CPU", settings)
    queue = openvino.AsyncInferQueue(compiled, runtime.cores())

    def encode(texts: list[str]) -> np.ndarray:
        ids = tokenize(texts)
        parts = _batches(ids)
        found: list[Any] = [None] * len(parts)

        def keep(request: Any, place: int) -> None:
            found[place] = request.get_output_tensor(0).data.copy()

        queue.set_callback(keep)
        for place, rows in enumerate(parts):
            queue.start_async(_padded([ids[row] for row in rows]), place)
        queue.wait_all()
        return _ordered(parts, found)

    return encode


def _batches(ids: list[np.ndarray]) -> list[np.ndarray]:
    """Rows in the order of their length, cut where a padded batch would pass :data:`BATCH_TOKENS`."""
    lengths = np.array([len(one) for one in ids])
    order = np.argsort(-lengths, kind="stable")
    parts, start = [], 0
    while start < len(order):
        count = max(1, BATCH_TOKENS // int(lengths[order[start]]))
        parts.append(order[start : start + count])
        start += count
    return parts


def _padded(ids: list[np.ndarray]) -> dict[str, np.ndarray]:
    longest = max(map(len, ids))
    whole, mask = np.zeros((len(ids), longest), np.int64), np.zeros((len(ids), longest), np.int64)
    for row, one in enumerate(ids):
        whole[row, : len(one)], mask[row, : len(one)] = one, 1
    return {"ids": whole, "mask": mask}


def _ordered(parts: list[np.ndarray], found: list[np.ndarray]) -> np.ndarray:
    vectors = np.empty((sum(map(len, parts)), found[0].shape[1]), np.float32)
    for rows, part in zip(parts, found, strict=True):
        vectors[rows] = part
    return vectors
