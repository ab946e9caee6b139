"""The engine against plain PyTorch, PCA and itself: gradients, optimizers, stacks, the theory's bounds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.autoencoder import Architecture, build
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.engine import evaluate, train_stack
from smallbert.compress.stack import Resident, Stack
from smallbert.compress.training import Training, row_order

CPU = torch.device("cpu")
OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def resident(rng, rows=1000, width=48, rank=12, dtype=torch.float32):
    scores = rng.normal(size=(rows + 200, rank)) / np.arange(1, rank + 1)
    matrix = scores @ rng.normal(size=(rank, width)) + 0.1 * rng.normal(size=(rows + 200, width))
    data = GridData(matrix[:rows], matrix[rows : rows + 100], matrix[rows + 100 :])
    return Resident(data, CPU, dtype)


def plain_loop(cell, data, steps):
    """Reference losses of the first ``steps`` mini-batches, and the model after them."""
    initial = build(cell.architecture, cell.seed)
    model = nn.Sequential(*initial.encoder, *initial.decoder)
    optimizer = OPTIMIZERS[cell.training.optimizer](model.parameters(), lr=cell.training.learning_rate)
    losses, epoch = [], 0
    while len(losses) < steps:
        epoch += 1
        for rows in row_order(len(data.train), cell.seed, epoch).split(cell.training.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(data.train[rows]), data.train[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return np.array(losses[:steps]), model


def engine_losses(cell, data, steps):
    """The same from the engine: each step's loss is read from the module before the step."""
    stack, losses, epoch = Stack([cell], data), [], 0
    while len(losses) < steps:
        epoch += 1
        for rows in row_order(len(data.train), cell.seed, epoch).split(cell.training.batch_size):
            batch = data.train[rows]
            with torch.no_grad():
                losses.append(nn.functional.mse_loss(stack.modules[0](batch), batch).item())
            stack.step(rows, stack.rates[0])
    return np.array(losses[:steps])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shallow_models_train_like_the_plain_loop_for_forty_steps(optimizer, rng):
    data = resident(rng)  # 1000 rows: the last mini-batch of an epoch is smaller
    cell = Cell(Architecture(48, 8), Training(1e-3, epochs=10, batch_size=256, optimizer=optimizer), seed=1)
    reference, model = plain_loop(cell, data, steps=40)
    np.testing.assert_allclose(engine_losses(cell, data, 40), reference, rtol=1e-6)
    [curve], _ = train_stack([cell], data)
    with torch.no_grad():
        expected = (model(data.splits["test"]) - data.splits["test"]).double().square().sum().item()
    assert curve[-1]["test_sse"] == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_deep_models_train_like_the_plain_loop_for_ten_steps(optimizer, residual, rng):
    data = resident(rng)
    architecture = Architecture(48, 8, (40, 32, 24, 16), decoder="mirrored", residual=residual)
    cell = Cell(architecture, Training(1e-3, epochs=3, batch_size=128, optimizer=optimizer), seed=2)
    reference, _ = plain_loop(cell, data, steps=10)
    np.testing.assert_allclose(engine_losses(cell, data, 10), reference, rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("decoder", ["affine", "mlp", "mirrored"])
def test_gradients_equal_autograd(activation, decoder, rng):
    data = resident(rng, rows=300)
    for other in ACTIVATIONS:
        architecture = Architecture(
            48, 8, (30, 20), activation, decoder, output_activation=other, code_activation=activation
        )
        stack = Stack([Cell(architecture, Training(1e-3, epochs=1), seed=0)], data)
        reference = build(architecture, seed=0)
        nn.functional.mse_loss(reference(data.train[:64]), data.train[:64]).backward()
        stack._compute(data.train[:64])
        for own, expected in zip(stack.modules[0].parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(own.grad, expected.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stack_trains_like_its_models_alone(optimizer, residual, rng):
    data = resident(rng)
    architecture = Architecture(48, 8, (24,), residual=residual)
    slow = Training(1e-3, 3, optimizer=optimizer, schedule="cosine", warm_up=0.1, evaluate_at=(1,))
    cells = [Cell(architecture, slow, 0), Cell(architecture, slow, 1)]
    cells.append(Cell(architecture, replace(slow, learning_rate=3e-3), 1))
    together, modules = train_stack(cells, data)
    for cell, curve, module in zip(cells, together, modules, strict=True):
        [alone], [reference] = train_stack([cell], data)
        assert [record["epoch"] for record in curve] == [1, 3]
        for own, expected in zip(curve, alone, strict=True):
            assert own["test_sse"] == pytest.approx(expected["test_sse"], rel=1e-5)
        torch.testing.assert_close(module(data.train), reference(data.train), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_captured_gpu_steps_train_like_the_cpu(optimizer, residual, rng):
    data = resident(rng)
    matrices = GridData(*data.splits.values())
    training = Training(1e-3, 3, optimizer=optimizer, schedule="cosine", warm_up=0.1)
    cells = [Cell(Architecture(48, 8, (24,), residual=residual), training, seed) for seed in (0, 1)]
    curves, _ = train_stack(cells, Resident(matrices, torch.device("cuda"), torch.float32))
    for cell, [own] in zip(cells, curves, strict=True):
        [[expected]], _ = train_stack([cell], data)
        assert own["test_sse"] == pytest.approx(expected["test_sse"], rel=1e-4)


def test_bf16_keeps_fp32_weights_and_comes_near_fp32(rng):
    seed = int(rng.integers(1 << 31))
    cell = Cell(Architecture(48, 8, (24,)), Training(1e-3, epochs=5, batch_size=64), seed=0)
    plain = {}
    for residual in (False, True):
        cell = replace(cell, architecture=replace(cell.architecture, residual=residual))
        for dtype in (torch.float32, torch.bfloat16):
            [curve], [module] = train_stack([cell], resident(np.random.default_rng(seed), dtype=dtype))
            assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
            plain[dtype] = curve[-1]["test_sse"]
        assert plain[torch.bfloat16] == pytest.approx(plain[torch.float32], rel=2e-2)
        assert plain[torch.bfloat16] != plain[torch.float32]


def test_evaluation_is_the_fp64_squared_error(rng):
    data = resident(rng)
    module = build(Architecture(48, 8, (24,), output_activation="tanh"), seed=0)
    errors = evaluate(module, data)
    for name, matrix in data.splits.items():
        expected = (module.double()(matrix.double()) - matrix.double()).square().sum().item()
        module.float()
        assert errors[f"{name}_sse"] == pytest.approx(expected, rel=3e-8)


def test_linear_autoencoder_converges_to_the_pca_subspace(rng):
    # Baldi & Hornik 1989: with an eigengap (here 4 : 0.2 in variance) the decoder spans the leading components.
    scales = np.concatenate([np.full(4, 2.0), np.full(12, 0.2**0.5)])
    basis = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    matrix = (rng.normal(size=(1500, 16)) * scales) @ basis.T
    data = Resident(GridData(matrix[:1000], matrix[1000:1200], matrix[1200:]), CPU, torch.float32)
    training = Training(1e-2, epochs=60, batch_size=50, schedule="cosine")
    [curve], [module] = train_stack([Cell(Architecture(16, 4), training, seed=0)], data)
    pca = PCA(4).fit(matrix[:1000])
    angles = subspace_angles(module.decoder[0].weight.detach().numpy(), pca.components_.T)
    assert np.degrees(angles.max()) < 2
    floor = np.square(matrix[:1000] - pca.inverse_transform(pca.transform(matrix[:1000]))).sum()
    total = np.square(matrix[:1000] - matrix[:1000].mean(0)).sum()
    assert -1e-6 < curve[-1]["train_sse"] / total - floor / total < 1e-3


@pytest.mark.parametrize("residual", [False, True])
def test_no_encoder_beats_pca_with_an_affine_decoder(residual, rng):
    # Eckart & Young 1936. The data lie on an arc: a non-linear decoder of one number could follow it.
    angle = rng.uniform(-2, 2, size=1200)
    matrix = (np.column_stack([np.sin(angle), np.cos(angle)]) @ rng.normal(size=(2, 12))).astype(np.float32)
    data = Resident(GridData(matrix[:1000], matrix[:1], matrix[1000:]), CPU, torch.float32)
    training = Training(1e-2, epochs=30, batch_size=50, schedule="cosine")
    curves = {}
    for decoder in ("affine", "mirrored"):
        architecture = Architecture(12, 1, (32, 16), "tanh", decoder, residual=residual)
        [[*_, curves[decoder]]], _ = train_stack([Cell(architecture, training, seed=0)], data)
    for split, part in (("train", matrix[:1000]), ("test", matrix[1000:])):
        exact = part.astype(np.float64)
        pca = PCA(1).fit(exact)
        total = np.square(exact - exact.mean(0)).sum()
        floor = np.square(exact - pca.inverse_transform(pca.transform(exact))).sum()
        assert curves["affine"][f"{split}_sse"] / total - floor / total >= -1e-6
        assert curves["mirrored"][f"{split}_sse"] < floor  # the bound is the decoder's, not the engine's


def test_a_diverging_model_is_recorded_as_such_and_stops(rng):
    data = resident(rng)
    training = Training(1e30, epochs=4, optimizer="sgd", evaluate_at=(1, 2))
    [curve], _ = train_stack([Cell(Architecture(48, 8, (24,)), training, seed=0)], data)
    assert [record["epoch"] for record in curve] == [1, 2, 4]
    assert [record["finite"] for record in curve] == [False] * 3
    assert curve[-1]["train_sse"] is None
