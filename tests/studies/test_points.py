"""Names of points: what they say to build, and what no name says."""

import re

import numpy as np
import pytest

from smallbert.compress.codes.catalogue import METHODS
from smallbert.studies import depth, points
from smallbert.studies.code_autoencoders import DECODERS
from smallbert.studies.floor import Floor
from smallbert.studies.matrices import Matrices


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


CODES = ("whitened-8-bytes", "product-0-bytes", "product-8-bytes+int8", "product-8-bytes+trim-1", "pca-8-bytes")


NETS = ("fair-0-layers-8-fp32", "best-2-layers-8-fp32", "fair-2-layers-0-fp32", "pca-32+fair-2-layers-8-fp32")


def test_every_code_of_page_8_has_a_name_that_can_be_built():
    """The catalogue's and the autoencoders'; principal components in plain numbers are ``pca-K``."""
    plain = {name for name in METHODS if re.fullmatch(r"pca-\d+-\w+", points.code(name, 8))}
    assert {*METHODS, *DECODERS} - {*points.CODES} == plain
    assert {points.parse(points.code(name, 8)).code for name in points.CODES} == {(name, 8) for name in points.CODES}
    trained = {name for name in points.CODES if points.parse(points.code(name, 8)).trains}
    assert trained == {"Matryoshka head", "k-sparse", *DECODERS}


def test_every_map_of_page_2_has_a_name_that_can_be_built(rng):
    vectors = rng.standard_normal((40, 6)).astype(np.float32)
    found = depth.linear_codes(Floor.of(Matrices(vectors, vectors, vectors, {}, "")), 3, 0)
    for code in found:
        plan = points.parse(f"{points.slug(code.name)}-3-fp32")
        assert (plan.map, plan.width, plan.trains) == (code.name, 3, False)


def test_plans():
    assert points.parse("trim-0.99+pca-32-int8") == points.Plan(coverage=0.99, width=32, numbers="int8")
    assert points.parse("int4").bits == 4
    assert points.parse("drop-layers-2-of-3-kept").layers == (2, 3)
    assert points.parse("trim-1+pca-binary-rescored-16-bytes").code == ("PCA, binary, rescored", 16)
    assert points.parse("int8-64-bytes") == points.Plan(code=("int8", 64))
    assert points.parse("trim-1+fair-3-layers-32-fp32").network == points.Network("fair", 3, 32)
    assert points.parse("original-1-layer-8-fp32") == points.Plan(network=points.Network("original", 1, 8))
    assert points.parse("trim-1+truncate-the-word-table-rank-10") == points.Plan(coverage=1, rank=10)
    many = "drop-layers-4-of-3-kept"
    for wrong in (
        "pca-32+trim-0.9",
        "pca-32+int8",
        "trim-2",
        "whole",
        "pca-0",
        "student-2-x-8",
        many,
        "",
        *CODES,
        *NETS,
    ):
        assert not points.buildable(wrong), wrong
        with pytest.raises(points.UsageError, match="Expected trim-COVERAGE, pca-K"):
            points.parse(wrong)
