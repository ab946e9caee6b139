"""Page 2's decoders need more rows than their codes have numbers."""

import pytest
from pydantic import ValidationError

from smallbert.report.settings.autoencoders import AutoencoderDepth


def test_rows_must_teach_the_widest_code():
    assert AutoencoderDepth(curved_codes=[4, 16], curved_rows=[32, 64]).curved_rows == [32, 64]
    with pytest.raises(ValidationError, match="at least 32, twice the widest of curved_codes"):
        AutoencoderDepth(curved_codes=[4, 16], curved_rows=[31])


def test_a_curvature_is_a_share():
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        AutoencoderDepth(curvatures=[0.0, 1.5])
