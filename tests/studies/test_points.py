"""Names of points: what they say to build, and what no name says."""

import pytest

from smallbert.studies import points


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("the tokens that cover 0.99 of the texts", "trim-0.99"),
        ("trim, coverage 1", "trim-1"),
        ("student, 2 x 8", None),
    ],
)
def test_trimmed_encoders_are_known_by_their_coverage(text, point):
    assert points.trimmed(text) == point


def test_plans():
    assert points.parse("trim-0.99+pca-32-int8") == points.Plan(coverage=0.99, width=32, numbers="int8")
    assert points.parse("int4").bits == 4
    assert points.parse("drop-layers-2-of-3-kept").layers == (2, 3)
    many = "drop-layers-4-of-3-kept"
    for wrong in ("pca-32+trim-0.9", "pca-32+int8", "trim-2", "whole", "pca-0", "student-2-x-8", many, ""):
        assert not points.buildable(wrong), wrong
        with pytest.raises(points.UsageError, match="Expected trim-COVERAGE, pca-K"):
            points.parse(wrong)
