#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6: the same weights are squared by make_lsq_spline, UnivariateSpline and Polynomial.fit, and
# not by make_smoothing_spline.
#
# Guess: w are weights of rows throughout: a row of weight 3 counts as three rows, or else throughout as nine.
# Seen: of rows that lie alternately at 0 and 1 and weigh 1 and 3, the fit is at 0.75 = 3/4 in make_smoothing_spline, as
# with rows repeated, and at 0.9 = 9/10 in the others (splrep, splprep and polyfit too), whose formulas have the square
# of w * (y - f(x)). Who goes from one to another moves the curve; weights of a subset want their square root in the
# others. UnivariateSpline compares the smoothing factor s, by default the number of rows, with the sum of the squares.
# Output seen (height of the fit half way):
#   scipy 1.17.1 numpy 2.4.6
#   make_smoothing_spline  weights 0.75, their square roots 0.63
#   make_lsq_spline        weights 0.90, their square roots 0.75
#   UnivariateSpline       weights 0.90, their square roots 0.75
#   Polynomial.fit         weights 0.90, their square roots 0.75
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import scipy
from numpy.polynomial import Polynomial
from scipy.interpolate import UnivariateSpline, make_lsq_spline, make_smoothing_spline

print("scipy", scipy.__version__, "numpy", np.__version__)
place = np.linspace(0, 1, 200)
height = np.arange(200) % 2.0
weight = np.where(height == 1, 3.0, 1.0)
knots = [0.0] * 4 + [1.0] * 4
fits = {
    "make_smoothing_spline": lambda w: make_smoothing_spline(place, height, w=w, lam=100.0),
    "make_lsq_spline": lambda w: make_lsq_spline(place, height, knots, w=w),
    "UnivariateSpline": lambda w: UnivariateSpline(place, height, w=w, s=1e9),
    "Polynomial.fit": lambda w: Polynomial.fit(place, height, 3, w=w),
}
for name, fit in fits.items():
    found, root = (float(fit(w)(0.5)) for w in (weight, np.sqrt(weight)))
    print(f"{name:22} weights {found:.2f}, their square roots {root:.2f}")
    squared = name != "make_smoothing_spline"
    assert abs(found - (0.9 if squared else 0.75)) < 0.01
    assert abs(root - (0.75 if squared else np.sqrt(3) / (1 + np.sqrt(3)))) < 0.01
PYTHON
