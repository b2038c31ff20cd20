#!/usr/bin/env bash
# fairlearn 0.15.0: ThresholdOptimizer hands sample weights to the classifier, and makes its thresholds of rows that
# count alike.
#
# Guess: fit(X, y, sensitive_features=group, sample_weight=w) is fair on the data that the weighted rows stand for, as
# its own demographic_parity_difference(..., sample_weight=w) measures it.
# Seen: the thresholds, and the accuracy that they are weighed against, do not see the weights: fair to the row, and
# unfair to the data. Where rows of one group and of high scores weigh 9 times the others, the share that is selected
# differs by 0.38 between groups. With the rows repeated it differs by nothing. ExponentiatedGradient refuses weights.
# Output seen (difference between two groups in the share that is selected):
#   fairlearn 0.15.0
#   weights        0.00 of rows, 0.38 weighted
#   rows repeated  0.34 of rows, 0.00 weighted
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fairlearn==0.15.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from fairlearn.metrics import demographic_parity_difference
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.linear_model import LogisticRegression

print("fairlearn", version("fairlearn"))
generator = np.random.default_rng(0)
group = generator.integers(0, 2, 4000)
score = generator.standard_normal(4000)
weight = np.where((group == 1) & (score > 0), 9, 1)
labels = (score + generator.standard_normal(4000) > 0).astype(int)
rows = np.column_stack([score, group])
again = np.repeat(np.arange(4000), weight)


def check(name, chosen, **weights):
    model = ThresholdOptimizer(estimator=LogisticRegression(), predict_method="predict_proba")
    model.fit(rows[chosen], labels[chosen], sensitive_features=group[chosen], **weights)
    said = model.predict(rows, sensitive_features=group, random_state=0)
    plain, weighted = (
        demographic_parity_difference(labels, said, sensitive_features=group, sample_weight=each)
        for each in (None, weight)
    )
    print(f"{name:14} {plain:.2f} of rows, {weighted:.2f} weighted")
    return plain, weighted


plain, weighted = check("weights", np.arange(4000), sample_weight=weight)
repeated = check("rows repeated", again)
assert plain < 0.05 and weighted > 0.3 and repeated[1] < 0.1
PYTHON
