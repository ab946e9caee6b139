"""Laws of size: planted numbers come back, the search is global, and the law that foretells is the one preferred."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from smallbert.errors import DataError
from smallbert.measure import scaling
from smallbert.measure.scaling import LAWS, Curve, fit, left_out, preferred, resampled

SIZES = np.array([4e4, 8e4, 1.7e5, 2.3e5, 4.7e5, 1.1e6, 2.5e6])


@pytest.mark.parametrize(("a", "b", "c"), [(30.0, 0.2, 3.0), (9.0, 0.076, 1.69), (2000.0, 0.6, 5.5), (1e7, 1.5, 6.0)])
def test_planted_asymptote_exponent_and_factor_come_back(a, b, c):
    found = fit(SIZES, c + a * SIZES**-b, "power law with asymptote")
    assert (found.a, found.b, found.c) == pytest.approx((a, b, c), rel=1e-4)
    assert found.at(SIZES) == pytest.approx(c + a * SIZES**-b, rel=1e-9)


@pytest.mark.parametrize(("a", "b"), [(20.0, 0.1), (3.0, -0.05)])
def test_planted_power_law_comes_back_falling_or_growing(a, b):
    found = fit(SIZES, a * SIZES**-b, "power law")
    assert (found.a, found.b, found.c) == pytest.approx((a, b, 0.0), rel=1e-6)


@pytest.mark.parametrize(
    ("law", "b", "c", "end"),
    [("power law", 3.0, 0.0, 1), ("power law", -3.0, 0.0, 0), ("power law with asymptote", 3.0, 5.0, 1)],
)
def test_an_exponent_beyond_the_search_ends_within_a_step_of_its_limit(law, b, c, end):
    found = fit(SIZES, c + 1e14 * (SIZES / 10 if b > 0 else SIZES) ** -b, law)
    assert abs(found.b - scaling.searched(law)[end]) < scaling.STEP
    inside = fit(SIZES, c + 30 * SIZES**-0.5, law)
    assert all(abs(inside.b - limit) > scaling.STEP for limit in scaling.searched(law))


def test_constant_is_the_mean():
    found = fit(SIZES, [1, 2, 3, 4, 5, 6, 7], "constant")
    assert (found.c, found.at(1e9)) == (4, 4)


def test_noisy_fits_are_those_of_scipy_s_local_search_started_at_the_truth(rng):
    def asymptote(n, a, b, c):
        return c + a * n**-b

    losses = asymptote(SIZES, 300, 0.4, 4.0) + 0.02 * rng.standard_normal(len(SIZES))
    found = fit(SIZES, losses, "power law with asymptote")
    (a, b, c), _ = curve_fit(asymptote, SIZES, losses, p0=(300, 0.4, 4.0))
    assert (found.b, found.c) == pytest.approx((b, c), rel=1e-4)
    plain = fit(SIZES, losses, "power law")
    (a, b), _ = curve_fit(lambda n, a, b: a * n**-b, SIZES, losses, p0=(10, 0.1))
    assert (plain.a, plain.b) == pytest.approx((a, b), rel=1e-4)


def test_an_asymptote_is_never_negative_and_a_loss_that_grows_makes_it_a_constant():
    straight = 8 - 0.5 * np.log10(SIZES)  # flatter than any power law with an asymptote above 0 at these sizes
    held = fit(SIZES, np.maximum(straight - 4, 0), "power law with asymptote")
    assert held.c == 0 and held.a > 0
    growing = fit(SIZES, np.log(SIZES), "power law with asymptote")
    assert (growing.a, growing.b, growing.c) == (0, 0, pytest.approx(np.log(SIZES).mean()))


def test_more_numbers_never_fit_worse(rng):
    losses = 5 + 0.3 * rng.standard_normal(len(SIZES)) - 0.2 * np.log(SIZES / 1e5)
    errors = [((fit(SIZES, losses, law).at(SIZES) - losses) ** 2).sum() for law in LAWS]
    assert errors[2] <= errors[0] and errors[2] <= errors[1] + 1e-12


def test_a_left_out_size_is_foretold_from_the_others_alone():
    losses = 3 + 30 * SIZES**-0.2
    errors, curves = left_out(SIZES, losses, "power law with asymptote")
    assert errors == pytest.approx(0, abs=1e-5) and len(curves) == len(SIZES)
    bent = losses.copy()
    bent[3] += 1
    errors, curves = left_out(SIZES, bent, "power law with asymptote")
    assert errors[3] == pytest.approx(-1, abs=1e-5)  # the fit without it has not seen the bend
    assert curves[3].c == pytest.approx(3, rel=1e-3) != pytest.approx(curves[0].c, rel=1e-3)


@pytest.mark.parametrize(
    ("planted", "law"),
    [
        (Curve("power law with asymptote", 4000, 0.6, 5.0), "power law with asymptote"),
        (Curve("power law", 30, 0.15, 0), "power law"),
        (Curve("constant", 0, 0, 6), "constant"),
    ],
)
def test_the_planted_law_is_preferred_under_noise(planted, law):
    rng = np.random.default_rng(8)
    losses = planted.at(SIZES) + 0.01 * rng.standard_normal(len(SIZES))
    assert preferred({law: left_out(SIZES, losses, law)[0] for law in LAWS}) == law


def test_of_equal_laws_the_simplest_is_preferred():
    errors = np.array([0.1, -0.2, 0.1])
    assert preferred(dict.fromkeys(LAWS, errors)) == "constant"
    hardly = {"power law": [0.1, 0.2, 0.1], "power law with asymptote": [0.11, 0.19, 0.1]}
    assert preferred(hardly) == "power law"
    clear = {"constant": [1, 1, 1.1], "power law": [0.1, 0.1, 0.1], "power law with asymptote": [0.1, 0.1, 0.1]}
    assert preferred(clear) == "power law"


def test_resamples_are_fits_to_means_over_drawn_seeds():
    clean = 3 + 30 * SIZES**-0.2
    shifts = np.array([-0.1, 0.0, 0.4])
    curves = resampled(SIZES, clean + shifts[:, None], "power law with asymptote", seed=1)
    found = np.array([curve.c for curve in curves])
    assert len(curves) == scaling.RESAMPLES
    means = {sum(shifts[list(drawn)]) / 3 for drawn in np.ndindex(3, 3, 3)}
    assert {round(c, 3) for c in found} == {round(3 + mean, 3) for mean in means}
    assert found.mean() == pytest.approx(3.1, abs=0.02)  # 3 and the mean shift, within 3 standard errors of the draws
    assert [curve.b for curve in curves] == pytest.approx([0.2] * len(curves), rel=1e-3)


@pytest.mark.parametrize(
    ("sizes", "losses", "law", "message"),
    [
        ([1, 2], [1, 2], "power law with asymptote", "at least 3 sizes"),
        ([1, 1, 2], [1, 2, 3], "power law with asymptote", "at least 3 different sizes"),
        ([0, 1, 2], [1, 2, 3], "power law", "every size above 0"),
        ([1, 2, 3], [1, -2, 3], "power law", "loss of 0 or more"),
        ([1, 2, 3], [1, 2], "power law", "every size"),
        ([1, 2, 3], [1, np.nan, 3], "power law", "finite losses"),
    ],
)
def test_points_that_determine_no_curve_are_refused(sizes, losses, law, message):
    with pytest.raises(DataError, match=message):
        fit(sizes, losses, law)


def test_too_few_to_leave_one_out_or_to_resample():
    with pytest.raises(DataError, match="at least 4 sizes"):
        left_out([1, 2, 3], [3, 2, 1], "power law with asymptote")
    with pytest.raises(DataError, match="at least two seeds"):
        resampled([1, 2, 3], [[3, 2, 1]], "power law")
