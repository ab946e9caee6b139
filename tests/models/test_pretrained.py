"""Encoders that are kept in memory: read once, read again when their files change, and never too many of them."""

import shutil

import pytest
import torch

from smallbert.models import pretrained
from smallbert.models.heads import network
from smallbert.runtime import device


@pytest.fixture
def kept(monkeypatch):
    def of(most):
        recent = pretrained._Recent(most)
        monkeypatch.setattr(pretrained, "_kept", recent)
        return recent

    return of


def test_a_folder_is_read_once_until_its_files_change(encoders, tmp_path, kept):
    kept(1 << 30)
    folder = shutil.copytree(encoders / "bert", tmp_path / "encoder")
    first = pretrained.read(folder)
    assert pretrained.read(folder) is first
    first.encoder.save_pretrained(folder)  # other bytes: the pooler is among them
    again = pretrained.read(folder)
    assert again is not first and again.pooler


def test_of_many_encoders_the_oldest_leave_and_one_too_large_is_kept_alone(encoders, kept):
    size = pretrained.read(encoders / "bert").bytes
    recent = kept(2 * size)
    first = pretrained.read(encoders / "bert")
    assert size == sum(one.nbytes for one in first.encoder.state_dict().values()) > 0
    pretrained.read(encoders / "roberta")
    assert pretrained.read(encoders / "bert") is first  # used again, so it is no longer the oldest
    pretrained.read(encoders / "distilbert")
    assert [key[0].name for key in recent.entries] == ["bert", "distilbert"]
    recent = kept(1)
    pretrained.read(encoders / "bert")
    pretrained.read(encoders / "roberta")
    assert [key[0].name for key in recent.entries] == ["roberta"]


@pytest.mark.parametrize("family", ["bert", "bert-bare", "roberta", "distilbert", "albert"])
def test_what_is_learnt_never_reaches_the_kept_encoder(encoders, family, kept):
    """Nor does a network hold what was in memory before: every weight is copied or drawn."""
    kept(1 << 30)

    def build():
        return network.build(
            encoders / family, "TokenClassification", 3, seed=1, device=device("cpu"), dtype=torch.float32
        )

    before = {name: one.clone() for name, one in build().model.state_dict().items()}
    touched = build()
    with torch.no_grad():
        for one in [*touched.model.parameters(), *touched.model.buffers()]:
            one.fill_(7)
    after = build().model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(one, after[name]) for name, one in before.items())
