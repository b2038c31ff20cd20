#!/usr/bin/env bash
# cleanlab 2.9.0: CleanLearning counts rows when it looks for wrong labels, and drops the rows that have the weight.
#
# Guess: fit(X, y, sample_weight=w) finds label errors of the weighted data, with models cross-validated with weights,
# as with the rows repeated.
# Seen: neither the models of the cross-validation nor the counts of errors have the weights, they are only handed to
# the last fit, with the rows that are left. 100 of 1,000 rows, with 9/10 of the weight, that say otherwise than the
# rest are taken for errors and dropped, and on the weighted data the model is right in 0.16, where the classifier
# itself with the same weights is right in 0.90. Weights handed to the cross-validation in clf_kwargs are refused.
# Output seen (weighted share of rows that are right):
#   cleanlab 2.9.0
#   the classifier alone    0.90
#   CleanLearning, weights  0.16, dropped 95 of 100 heavy rows, 2 of 900 light ones
#   rows repeated           0.90, dropped 0% of the heavy rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cleanlab==2.9.0 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from cleanlab.classification import CleanLearning
from sklearn.linear_model import LogisticRegression

print("cleanlab", version("cleanlab"))
generator = np.random.default_rng(0)
rows = generator.standard_normal((1000, 2))
heavy = np.arange(1000) < 100
labels = (heavy ^ (rows[:, 0] > 0)).astype(int)
weight = np.where(heavy, 81, 1)
again = np.repeat(np.arange(1000), weight)


def right(model):
    return np.average(model.predict(rows) == labels, weights=weight)


plain = right(LogisticRegression().fit(rows, labels, sample_weight=weight))
print(f"the classifier alone    {plain:.2f}")
model = CleanLearning(LogisticRegression(), seed=0).fit(rows, labels, sample_weight=weight)
dropped = model.get_label_issues()["is_label_issue"].to_numpy()
weighted, lost = right(model), int(dropped[heavy].sum())
print(f"CleanLearning, weights  {weighted:.2f}, dropped {lost} of 100 heavy rows", end="")
print(f", {dropped[~heavy].sum()} of 900 light ones")
model = CleanLearning(LogisticRegression(), seed=0).fit(rows[again], labels[again])
dropped = model.get_label_issues()["is_label_issue"].to_numpy()
repeated = right(model)
print(f"rows repeated           {repeated:.2f}, dropped {dropped[heavy[again]].mean():.0%} of the heavy rows")
assert weighted < 0.4 < 0.7 < min(plain, repeated) and lost > 80
PYTHON
