"""What page 2 says of the subspace that a linear autoencoder found."""

import pandas as pd
import pytest

from smallbert.studies.depth import subspace_sentence


def angles(median, largest, gap):
    return pd.DataFrame({"seed": range(len(median)), "median": median, "largest": largest, "gap_train": gap})


@pytest.mark.parametrize(
    ("median", "largest", "gap", "said"),
    [
        (
            [52.1, 58.6],
            [88.6, 89.4],
            [0.0154, 0.0175],
            "After 12 epochs it is not: the median angle is 52 to 59 degrees, the largest 89, and 0.0154 to 0.0175 of "
            "the variance of the training articles is left above PCA (2 seeds).",
        ),
        (
            [0.26, 0.28],
            [22.0, 48.0],
            [0.0001, 0.0002],
            "After 12 epochs it is, but for some directions: the median angle is 0.26 to 0.28 degrees, the largest 22 "
            "to 48, and 0.0001 to 0.0002 of the variance of the training articles is left above PCA (2 seeds).",
        ),
        (
            [0.1],
            [0.4],
            [0.0],
            "After 12 epochs it is: the median angle is 0.1 degrees, the largest 0.4, and 0.0000 of the variance of "
            "the training articles is left above PCA (1 seed).",
        ),
    ],
)
def test_the_subspace_is_found_or_not(median, largest, gap, said):
    assert subspace_sentence(angles(median, largest, gap), 12) == said


def test_without_a_finite_cell_nothing_is_said_of_angles():
    assert "nothing is compared" in subspace_sentence(angles([], [], []), 12)
