"""Names of points: what they say to build, and what no name says."""

import pytest

from smallbert.compress.codes.catalogue import METHODS
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


CODES = ("k-sparse-8-bytes", "product-0-bytes", "product-8-bytes+int8", "product-8-bytes+trim-1", "pca-8-bytes")


def test_every_code_with_a_name_of_its_own_is_one_of_the_catalogue():
    """Those that are left out cannot be one affine layer, or are trained for several sizes at once."""
    assert {*METHODS} - {*points.CODES} - {"k-sparse", "Matryoshka head"} == {
        name for name in METHODS if points.code(name, 8).startswith("pca-") and "-bytes" not in points.code(name, 8)
    }
    assert {points.parse(points.code(name, 8)).code for name in points.CODES} == {(name, 8) for name in points.CODES}


def test_plans():
    assert points.parse("trim-0.99+pca-32-int8") == points.Plan(coverage=0.99, width=32, numbers="int8")
    assert points.parse("int4").bits == 4
    assert points.parse("drop-layers-2-of-3-kept").layers == (2, 3)
    assert points.parse("trim-1+pca-binary-rescored-16-bytes").code == ("PCA, binary, rescored", 16)
    assert points.parse("int8-64-bytes") == points.Plan(code=("int8", 64))
    many = "drop-layers-4-of-3-kept"
    for wrong in ("pca-32+trim-0.9", "pca-32+int8", "trim-2", "whole", "pca-0", "student-2-x-8", many, "", *CODES):
        assert not points.buildable(wrong), wrong
        with pytest.raises(points.UsageError, match="Expected trim-COVERAGE, pca-K"):
            points.parse(wrong)
