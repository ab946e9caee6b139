"""The recipe: learning rates against torch's schedulers, order of rows, errors."""

import pytest
import torch
from torch.optim import lr_scheduler

from smallbert.compress.training import Training, row_order
from smallbert.errors import UsageError


def reference_rates(optimizer, scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return torch.tensor(rates)


# torch's SequentialLR warns about its own call order since it hands an epoch to its parts.
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
def test_warm_up_and_cosine_equal_torchs_schedulers():
    training = Training(3e-3, epochs=4, batch_size=8, schedule="cosine", warm_up=0.2)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-3)
    warm = lr_scheduler.LinearLR(optimizer, start_factor=1 / 8, end_factor=1.0, total_iters=7)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=32)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[8])
    rates = training.learning_rates(rows=79)  # 10 steps an epoch, 40 in all, 8 of them warm-up
    torch.testing.assert_close(rates, reference_rates(optimizer, scheduler, 40), rtol=1e-5, atol=1e-9)


def test_constant_rate_is_constant():
    assert Training(0.1, epochs=2, batch_size=5).learning_rates(11).tolist() == [pytest.approx(0.1)] * 6


def test_row_order_is_a_permutation_of_its_arguments_alone():
    order = row_order(1000, seed=1, epoch=2)
    assert torch.equal(order.sort().values, torch.arange(1000))
    torch.manual_seed(5)
    assert torch.equal(row_order(1000, seed=1, epoch=2), order)
    assert not torch.equal(row_order(1000, seed=1, epoch=3), order)
    assert not torch.equal(row_order(1000, seed=2, epoch=1), order)


def test_the_last_epoch_is_always_evaluated():
    assert Training(0.1, epochs=10, evaluate_at=(5,)).evaluate_at == (5, 10)
    assert Training(0.1, epochs=10) == Training(0.1, epochs=10, evaluate_at=(10,))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": "lion"}, "Expected optimizer out of adam, rmsprop, sgd; got 'lion'"),
        ({"schedule": "step"}, "Expected schedule out of constant, cosine; got 'step'"),
        ({"learning_rate": -1.0}, "Expected a learning rate above 0; got -1.0"),
        ({"warm_up": 1.0}, "0 <= warm_up < 1; got 3, 256 and 1.0"),
        ({"evaluate_at": (4,)}, r"Expected evaluate_at within 1..3; got \(3, 4\)"),
    ],
)
def test_wrong_recipes_say_what_was_expected(wrong, message):
    with pytest.raises(UsageError, match=message):
        Training(**{"learning_rate": 1e-3, "epochs": 3, **wrong})
