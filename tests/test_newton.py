"""Newton's method on a design: the optimum that L-BFGS finds, for every loss and layout, weights and a linear term."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.registry import LOSSES
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.naive.training import REGRESSIONS


def _labels(loss, rows, rng):
    margins = rows @ np.arange(1.0, rows.shape[1] + 1) / 10.0
    if loss in REGRESSIONS:
        return margins + rng.standard_normal(len(rows))
    if loss == "multinomial":
        return np.digitize(margins + rng.standard_normal(len(rows)), [-0.5, 0.5]).astype(float)
    return (margins + rng.standard_normal(len(rows)) > 0.3).astype(float)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_newton_finds_the_optimum_of_lbfgs(loss, layout):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 4)) * [1.0, 10.0, 0.1, 1.0] * (rng.random((400, 4)) < 0.8)
    dataset = from_arrays(layout(rows), _labels(loss, rows, rng))
    design = build_design(dataset, loss, 1e-2)
    index, weights = rng.permutation(400)[:300], rng.exponential(size=300) + 0.1
    part = design.take(index, weights)
    correction = 0.01 * rng.standard_normal((design.n_outputs, design.width))
    correction[:, -1] = 0.0

    def objective(flat):
        coef = flat.reshape(correction.shape)
        margins = part.margins(coef)
        gradient = part.mean(part.slopes(margins)) + part.penalty * coef + correction
        return part.objective(coef, margins) + (correction * coef).sum(), gradient.ravel()

    start = np.zeros(correction.size)
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-9}
    slow = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    found = newton(part, start.reshape(correction.shape), 1e-13, correction).coef
    assert objective(found.ravel())[0] <= slow.fun + 1e-9
    assert np.linalg.norm(objective(found.ravel())[1]) < 1e-5


def test_a_model_in_raw_units_and_back():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((50, 3)) * [1.0, 100.0, 0.01] + [0.0, 5.0, 1.0]
    design = build_design(from_arrays(rows, rows[:, 0] > 0), "logistic", 1e-3)
    raw, intercept = rng.standard_normal((1, 3)), rng.standard_normal(1)
    coef = design.coefficients(raw, intercept)
    assert np.allclose(design.margins(coef), rows @ raw.T + intercept)
    assert np.allclose((design.penalty * coef**2).sum(), 1e-3 * (raw**2).sum())
    assert all(np.allclose(*pair) for pair in zip(design.raw(coef), (raw, intercept)))
