#!/usr/bin/env bash
# econml 0.17.0: with sample_weight, ate_ of a CausalForestDML is the effect without weights, and att_ has the wrong
# sign.
#
# Guess: a forest fitted with weights has the weighted effect in effect(X), and so in ate_ and att_ and in summary(),
# which correct it by what is left over in the training rows.
# Seen: the forest is weighted, the correction is a plain mean over rows, which takes the weights out again. Half of the
# rows have an effect of 3 and a weight of 9, the others -1 and 1; treatment is by a coin, so all effects by weight are
# 2.6: ate(X) has 2.5, ate_ .8 with an error of .08, and att_, of the treated, -.9. Without weights all three are .9,
# the plain mean. ate(X) is the one to take.
# Output seen:
#   econml 0.17.0
#   weights: ate(X) 2.49, ate_ 0.83 (0.08), att_ -0.90
#   no weights: ate(X) 0.96, ate_ 0.92 (0.07), att_ 0.92
#   treated less untreated, weighted means: 2.57
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check econml==0.17.0 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import econml
import numpy as np
from econml.dml import CausalForestDML
from sklearn.linear_model import LinearRegression, LogisticRegression

print("econml", econml.__version__)
generator = np.random.default_rng(0)
gains = generator.random(2000) < 0.5
rows = generator.standard_normal((2000, 2))
treated = (generator.random(2000) < 0.5).astype(int)
outcome = treated * np.where(gains, 3.0, -1.0) + rows[:, 0] + generator.standard_normal(2000) / 2
weight = np.where(gains, 9.0, 1.0)
options = {"model_y": LinearRegression(), "model_t": LogisticRegression(), "discrete_treatment": True}
found = {}
for name, weights in (("weights", weight), ("no weights", None)):
    forest = CausalForestDML(n_estimators=100, random_state=0, n_jobs=1, **options)
    forest.fit(outcome, treated, X=rows, sample_weight=weights)
    effects = float(forest.ate(rows)), float(forest.ate_[0]), float(forest.att_(T=1)[0])
    error = forest.ate_stderr_[0]
    print(f"{name}: ate(X) {effects[0]:.2f}, ate_ {effects[1]:.2f} ({error:.2f}), att_ {effects[2]:.2f}")
    found[name] = effects
means = [np.average(outcome[treated == each], weights=weight[treated == each]) for each in (0, 1)]
print(f"treated less untreated, weighted means: {means[1] - means[0]:.2f}")
assert abs(found["weights"][0] - (means[1] - means[0])) < 0.3
assert found["weights"][1] < 1.5 and found["weights"][2] < 0
assert all(abs(each - 1) < 0.2 for each in found["no weights"])
PYTHON
