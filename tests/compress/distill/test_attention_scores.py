import numpy as np
import pytest
import torch

from smallbert.compress.distill.attention import official_score_loss, score_loss, scores
from smallbert.errors import UsageError


@pytest.fixture
def pair(rng):
    """Scores of student and teacher, (2, 3, 6, 6)."""
    return [torch.from_numpy(rng.normal(0, 3, (2, 3, 6, 6))) for _ in range(2)]


@pytest.fixture
def inside():
    """Rows of 6 tokens: texts of 4 and 2; a text of 5 and a padding that sees nothing."""
    mask = np.zeros((2, 1, 6, 6), dtype=bool)
    mask[0, 0, :4, :4] = mask[0, 0, 4:, 4:] = mask[1, 0, :5, :5] = True
    return torch.from_numpy(mask)


def test_scores_are_what_the_softmax_of_bert_reads(rng):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=20, hidden_size=12, num_hidden_layers=1, num_attention_heads=3, intermediate_size=8,
        attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = BertModel(config).eval()
    ids = torch.from_numpy(rng.integers(5, 20, (2, 7)))
    with torch.no_grad():
        attention = model.encoder.layer[0].attention.self
        hidden = 30 * model.embeddings(ids)
        _context, probabilities = attention(hidden)
        found = scores(attention.query(hidden), attention.key(hidden), 3)
    assert probabilities.std() > 0.05
    torch.testing.assert_close(found.softmax(-1), probabilities)


def test_heads_must_divide_the_width():
    with pytest.raises(UsageError, match="a width that 5 heads divide, got 12"):
        scores(torch.zeros(1, 2, 12), torch.zeros(1, 2, 12), 5)


def test_loss_is_the_mean_over_heads_of_the_mean_squared_error(pair):
    student, teacher = (one.numpy() for one in pair)
    heads = [((student[:, i] - teacher[:, i]) ** 2).mean() for i in range(3)]
    assert score_loss(*pair).item() == pytest.approx(sum(heads) / 3, rel=1e-12)
    assert score_loss(pair[0], pair[0]).item() == 0


def test_pairs_outside_a_text_do_not_count(pair, inside):
    student, teacher = (one.numpy() for one in pair)
    where = np.broadcast_to(inside.numpy(), student.shape)
    expected = ((student - teacher)[where] ** 2).mean()
    assert score_loss(*pair, inside).item() == pytest.approx(expected, rel=1e-12)


def test_the_official_form_is_the_papers_times_the_share_inside(pair, inside):
    masked = [one.masked_fill(~inside, -10_000.0) for one in pair]
    official = official_score_loss(*masked).item()
    assert official == pytest.approx(score_loss(*pair, inside).item() * inside.double().mean().item(), rel=1e-12)
    assert official_score_loss(*(one.masked_fill(one < -5, -100.0) for one in pair)).item() != pytest.approx(
        score_loss(*pair).item(), rel=1e-3
    )


@pytest.mark.parametrize("loss", [score_loss, official_score_loss])
def test_different_numbers_of_heads_are_refused(loss, pair):
    with pytest.raises(UsageError, match="as many heads in student and teacher, got 2 and 3"):
        loss(pair[0][:, :2], pair[1])
