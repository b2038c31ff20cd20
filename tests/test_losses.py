"""Every registered loss: its slope against finite differences and the naive one, and the labels it takes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.special

from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.jit import njit
from craig_cli.registry import LOSSES, load
from craig_cli.training import losses
from craig_cli.training.labels import encode_labels, guess_loss
from craig_cli.training.losses import second_derivatives, slope_changes
from tests.naive import training as naive


@njit
def value(code, label, margins):
    return losses.value(code, label, margins)


@njit
def to_slopes(code, label, margins):
    losses.to_slopes(code, label, margins)


@njit
def second_derivative(code, slope):
    return losses.second_derivative(code, slope)


@njit
def error(code, label, margins):
    return losses.error(code, label, margins)


def _cases(loss, rng):
    """(label as kernels take it, margins (k,)) pairs, near the kinks and far out."""
    if loss.labels == "many":
        return [(float(label), rng.normal(size=4) * scale) for label in range(4) for scale in (0.1, 3, 300)]
    labels = (-1.0, 1.0) if loss.labels == "two" else (-3.0, 0.5, 1000.0)
    margins = (-1000.0, -5.0, -1.0001, -0.5, 0.0, 1e-9, 0.3, 0.9999, 2.0, 50.0, 1000.0)
    return [(label, np.array([margin])) for label in labels for margin in margins]


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_slopes_agree_with_the_naive_ones(name):
    loss = load(LOSSES, name)
    for label, margins in _cases(loss, np.random.default_rng(0)):
        labels = np.array([label])
        assert value(loss.code, label, margins) == pytest.approx(naive.phi(name, labels, margins[None])[0], abs=1e-12)
        slopes = margins.copy()
        to_slopes(loss.code, label, slopes)
        np.testing.assert_allclose(slopes, naive.slope(name, labels, margins[None])[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_are_the_derivatives(name):
    loss = load(LOSSES, name)
    step = 1e-6
    for label, margins in _cases(loss, np.random.default_rng(1)):
        slopes = margins.copy()
        to_slopes(loss.code, label, slopes)
        for output in range(len(margins)):
            shift = np.zeros(len(margins))
            shift[output] = step
            rise = value(loss.code, label, margins + shift) - value(loss.code, label, margins - shift)
            assert rise / (2 * step) == pytest.approx(slopes[output], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_the_constants_bound_the_slopes(name):
    loss = load(LOSSES, name)
    rng = np.random.default_rng(2)
    for label, margins in _cases(loss, rng):
        other = margins + rng.normal(size=len(margins))
        at, there = margins.copy(), other.copy()
        to_slopes(loss.code, label, at)
        to_slopes(loss.code, label, there)
        assert np.linalg.norm(at - there) <= loss.lipschitz * np.linalg.norm(margins - other) * (1 + 1e-9)
        assert np.linalg.norm(at) <= loss.slope_bound * (1 + 1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives_are_those_of_the_slopes(name):
    loss = load(LOSSES, name)
    step = 1e-6
    for label, margins in _cases(loss, np.random.default_rng(3)):
        slopes = margins.copy()
        to_slopes(loss.code, label, slopes)
        for output in range(len(margins)):
            shift = np.zeros(len(margins))
            shift[output] = step
            ahead, behind = margins + shift, margins - shift
            to_slopes(loss.code, label, ahead)
            to_slopes(loss.code, label, behind)
            right, left = (ahead[output] - slopes[output]) / step, (slopes[output] - behind[output]) / step
            if abs(right - left) > 0.1:
                continue  # a kink of the slope
            expected = (ahead[output] - behind[output]) / (2 * step)
            assert second_derivative(loss.code, slopes[output]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_change_as_they_say_with_the_margins(name):
    loss = load(LOSSES, name)
    rng = np.random.default_rng(6)
    step = 1e-6
    for label, margins in _cases(loss, rng):
        change = rng.normal(size=len(margins))
        slopes, ahead, behind = margins.copy(), margins + step * change, margins - step * change
        for each in (slopes, ahead, behind):
            to_slopes(loss.code, label, each)
        if np.abs((ahead - slopes) - (slopes - behind)).max() > 0.1 * step * np.abs(change).max():
            continue  # a kink of the slope
        second = second_derivatives(loss.code, slopes)
        found = slope_changes(loss, np.array([label]), slopes[None], second[None], change[None])[0]
        np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_differences_are_those_of_the_values(name):
    loss = load(LOSSES, name)
    rng = np.random.default_rng(4)
    for label, margins in _cases(loss, rng):
        delta = rng.normal(size=len(margins)) * 0.1
        one, other = np.array([margins + delta]), np.array([margins])
        change = one - other
        if loss.labels != "many":
            one, other, change = one[:, 0], other[:, 0], change[:, 0]
        found = loss.difference(one, other, change, np.array([label]))
        expected = value(loss.code, label, margins + delta) - value(loss.code, label, margins)
        assert found.shape == (1,)
        assert found[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in LOSSES if load(LOSSES, name).labels != "numbers"])
def test_the_constants_within_a_ball_bound_the_slopes_there(name):
    loss = load(LOSSES, name)
    rng = np.random.default_rng(5)
    for radius, norm in ((0.5, 1.0), (3.0, 2.0), (10.0, 7.0)):
        slope, curvature = loss.constants(radius, norm)
        assert curvature == loss.lipschitz
        for label, margins in _cases(loss, rng):
            slopes = np.clip(margins, -radius * norm, radius * norm)  # |<w, x>| <= ||w|| ||x||
            to_slopes(loss.code, label, slopes)
            assert np.linalg.norm(slopes) <= slope * (1 + 1e-12)


def test_huber_is_that_of_scipy():
    loss = load(LOSSES, "huber")
    for label, margins in _cases(loss, None):
        assert value(loss.code, label, margins) == pytest.approx(scipy.special.huber(1.0, margins[0] - label))


def test_huber_bends_where_its_residual_is_zero_and_not_where_it_is_one():
    assert [second_derivative(load(LOSSES, "huber").code, slope) for slope in (-1.0, -0.5, 0.0, 0.5, 1.0)] == [
        0.0, 1.0, 1.0, 1.0, 0.0
    ]  # fmt: skip


def test_differences_of_huber_keep_the_digits_of_delta_on_every_piece():
    """Against rational numbers, on one piece, across a kink and across both."""

    def phi(residual):
        return residual**2 / 2 if abs(residual) <= 1 else abs(residual) - Fraction(1, 2)

    pairs = [(0.3, 1e-12), (5.0, 1e-12), (-5.0, 1e-12), (1.0 - 1e-7, 2e-7), (-1.0 - 1e-7, 2e-7), (-2.0, 5.0)]
    for at, delta in pairs:
        delta = at + delta - at  # what the two differ by in float64
        for label in (0.0, 8.0):
            other = at + label
            one = other + delta
            exact = phi(Fraction(one) - Fraction(label)) - phi(Fraction(other) - Fraction(label))
            change = np.array([float(Fraction(one) - Fraction(other))])
            found = load(LOSSES, "huber").difference(np.array([one]), np.array([other]), change, np.array([label]))
            assert found[0] == pytest.approx(float(exact), rel=1e-13)


def test_a_code_of_no_loss_gives_nan_and_not_the_numbers_of_another():
    unknown = 1 + max(load(LOSSES, name).code for name in LOSSES)
    slopes = np.array([0.3])
    to_slopes(unknown, 1.0, slopes)
    assert np.isnan(slopes[0])
    assert np.isnan(value(unknown, 1.0, np.array([0.3])))
    assert np.isnan(second_derivative(unknown, 0.3))
    assert np.isnan(error(unknown, 1.0, np.array([0.3])))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1], "logistic"),
        ([-1.5, 2.5], "logistic"),
        ([1, 2, 3], "multinomial"),
        (range(20), "multinomial"),
        (range(21), "squared"),
        ([0, 1, 2.5], "squared"),
    ],
)
def test_the_loss_guessed_from_labels(labels, expected):
    assert guess_loss(np.array(labels, dtype=float)) == expected


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("logistic", [1, 2, 3], "data: the logistic loss expects two classes, found 3 labels (1, 2, 3)"),
        ("squared-hinge", [1, 2, 3, 4], "found 4 labels (1, 2, 3, ...)"),
        ("multinomial", [1, 2.5], "data: the multinomial loss expects whole numbers as class labels, found 2.5"),
        ("multinomial", [7, 7], "data: expected labels of at least two classes, found only 7"),
        ("logistic", [7, 7], "data: expected labels of at least two classes, found only 7"),
    ],
)
def test_labels_that_do_not_fit(name, labels, message):
    with pytest.raises(DataError) as caught:
        encode_labels(load(LOSSES, name), from_arrays(np.zeros((len(labels), 1)), np.array(labels, dtype=float)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
