#!/usr/bin/env bash
# lifelines 0.30.3: the penalizer of CoxPHFitter loses its force with the scale of weights_col, that of the AFT models
# not.
#
# Guess: a weight of k is k rows, or the scale of the weights does not matter; in both fitters alike.
# Seen: CoxPHFitter adds the weighted rows up and divides by their number, not by their weights, so that a weight of
# 10 for all divides the penalizer by 10, and rows repeated as often as they weigh are another model. WeibullAFTFitter
# divides by the weights: its coefficients do not move. With mean 1 both are near those of the rows repeated.
# Output seen (the first coefficient):
#   lifelines 0.30.3
#   CoxPHFitter: rows repeated -0.528, weights -0.737, weights times 10 -0.908, mean 1 -0.532
#   WeibullAFTFitter: rows repeated 0.595, weights 0.602, weights times 10 0.602, mean 1 0.602
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lifelines
import numpy as np
import pandas

print("lifelines", lifelines.__version__)
generator = np.random.default_rng(0)
rows = pandas.DataFrame(generator.standard_normal((300, 3)), columns=["x", "y", "z"])
rows["time"] = np.exp(rows["x"] + generator.standard_normal(300))
weight = generator.integers(1, 6, 300)
data = {
    "rows repeated": rows.iloc[np.repeat(np.arange(300), weight)].assign(weight=1.0),
    "weights": rows.assign(weight=weight.astype(float)),
    "weights times 10": rows.assign(weight=10.0 * weight),
    "mean 1": rows.assign(weight=weight / weight.mean()),
}
for fitter in (lifelines.CoxPHFitter, lifelines.WeibullAFTFitter):
    first = {}
    for name, frame in data.items():
        fitted = fitter(penalizer=0.5).fit(frame.reset_index(drop=True), "time", weights_col="weight")
        first[name] = float(np.ravel(fitted.params_)[0])
    print(f"{fitter.__name__}: " + ", ".join(f"{name} {value:.3f}" for name, value in first.items()))
    repeated, weights, tenfold, mean = first.values()
    assert abs(mean - repeated) < 0.01
    cox = fitter is lifelines.CoxPHFitter
    assert min(abs(weights - repeated), abs(tenfold - weights)) > 0.15 if cox else abs(tenfold - repeated) < 0.01
PYTHON
