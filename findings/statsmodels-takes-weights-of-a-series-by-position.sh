#!/usr/bin/env bash
# statsmodels 0.15.0: weights that are a pandas Series go to rows by their place, though y and X must have one index.
#
# Guess: rows have names: y and X of different order are refused ("indices for endog and exog are not aligned"), so
# weights of another order are put in the order of the rows, or are refused, too.
# Seen: weights of WLS, freq_weights and var_weights of GLM, and offset, are taken as they lie, by their index or not.
# Weights whose index is right but in another order, as rows that were selected one by one have it, go to other rows,
# without a word. weights.loc[X.index], or weights as a column of the frame, is the way out.
# Output seen (the slope; rows that weigh 50 have the slope 3, the others -3):
#   statsmodels 0.15.0 pandas 3.1.1
#   WLS: in order 2.45, another order 0.04, by .loc 2.45
#   GLM, freq_weights: in order 2.45, another order 0.04, by .loc 2.45
#   GLM, var_weights: in order 2.45, another order 0.04, by .loc 2.45
#   y in another order: The indices for endog and exog are not aligned
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pandas
import statsmodels
import statsmodels.api as sm

print("statsmodels", statsmodels.__version__, "pandas", pandas.__version__)
generator = np.random.default_rng(0)
rows = pandas.DataFrame({"const": 1.0, "x": generator.standard_normal(200)})
heavy = rows["x"] > 0
labels = rows["x"] * np.where(heavy, 3, -3) + generator.normal(0, 0.1, 200)
weights = pandas.Series(np.where(heavy, 50.0, 1.0), index=rows.index)
moved = weights.loc[generator.permutation(200)]
for what, fit in (
    ("WLS", lambda weights: sm.WLS(labels, rows, weights=weights).fit()),
    ("GLM, freq_weights", lambda weights: sm.GLM(labels, rows, freq_weights=weights).fit()),
    ("GLM, var_weights", lambda weights: sm.GLM(labels, rows, var_weights=weights).fit()),
):
    right, wrong, put_right = (fit(each).params["x"] for each in (weights, moved, moved.loc[rows.index]))
    print(f"{what}: in order {right:.2f}, another order {wrong:.2f}, by .loc {put_right:.2f}")
    assert right == put_right and abs(right - wrong) > 1
try:
    sm.WLS(labels.loc[moved.index], rows)
except ValueError as error:
    print("y in another order:", error)
else:
    raise SystemExit("y in another order is taken")
PYTHON
