#!/usr/bin/env bash
# statsmodels 0.15.0: of a weighted kernel density the quantiles and the bandwidth are those of rows that count alike.
#
# Guess: KDEUnivariate(x).fit(weights=w, fft=False) is a weighted density, and icdf ("inverse cumulative distribution
# (quantile) function") the inverse of its cdf.
# Seen: density and cdf are weighted, icdf is made of x alone, and so is the width that bw="normal_reference" finds.
# Where the rows above zero have 9 times the weight of the others, icdf puts the median at 0, where the cdf is 0.18.
# Output seen:
#   statsmodels 0.15.0
#   weights        icdf(0.5) -0.050, of which the cdf says 0.16; cdf is 0.5 at  0.648; width 0.310
#   none           icdf(0.5) -0.050, of which the cdf says 0.50; cdf is 0.5 at -0.045; width 0.310
#   rows repeated  icdf(0.5)  0.637, of which the cdf says 0.50; cdf is 0.5 at  0.636; width 0.144
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 \
  pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import statsmodels
from statsmodels.nonparametric.kde import KDEUnivariate

print("statsmodels", statsmodels.__version__)
rows = np.random.default_rng(0).standard_normal(500)
weight = np.where(rows > 0, 9, 1)


def check(name, rows, weight=None):
    density = KDEUnivariate(rows)
    density.fit(weights=weight, fft=False)
    said = float(np.interp(0.5, np.linspace(0, 1, len(density.icdf)), density.icdf))
    true = float(np.interp(0.5, density.cdf, density.support))
    below = float(np.interp(said, density.support, density.cdf))
    print(f"{name:14} icdf(0.5) {said:6.3f}, of which the cdf says {below:.2f}; cdf is 0.5 at {true:6.3f}; ", end="")
    print(f"width {density.bw:.3f}")
    return said, true, density.bw


weighted, none = check("weights", rows, weight), check("none", rows)
repeated = check("rows repeated", np.repeat(rows, weight))
assert weighted[0] == none[0] and weighted[2] == none[2]
assert abs(weighted[1] - repeated[1]) < 0.1 < 0.4 < repeated[0] - weighted[0]
PYTHON
