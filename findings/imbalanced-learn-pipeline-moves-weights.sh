#!/usr/bin/env bash
# imbalanced-learn 0.14.2: where the sampler of a pipeline keeps all rows, the sample weights go to other rows.
#
# Guess: make_pipeline(RandomUnderSampler(), model).fit(X, y, model__sample_weight=w) gives the model the weights of
# the rows that the sampler leaves, or is refused.
# Seen: the weights are handed on as they are. Where rows are dropped the lengths differ and the model refuses. Where
# classes are balanced already, as in a fold, or in a coreset with as many picks of each, all rows stay, but grouped by
# class, and each weight is that of another row, without a word. RandomOverSampler keeps the order.
# Output seen (the coefficient):
#   imbalanced-learn 0.14.2 scikit-learn 1.9.1
#   the model by itself: weights 1.62, none -0.09
#   RandomUnderSampler keeps 400 of 400 rows: -0.16
#   NearMiss keeps 400 of 400 rows: -0.19
#   InstanceHardnessThreshold keeps 400 of 400 rows: -0.07
#   RandomOverSampler keeps 400 of 400 rows: 1.62
#   one row less: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check imbalanced-learn==0.14.2 scikit-learn==1.9.1 \
  numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import imblearn
import numpy as np
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import InstanceHardnessThreshold, NearMiss, RandomUnderSampler
from sklearn.linear_model import LogisticRegression

print("imbalanced-learn", imblearn.__version__, "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
labels = np.tile([0, 1], 200)
rows = generator.standard_normal((400, 2))
heavy = generator.random(400) < 0.5
rows[:, 0] += np.where(heavy, 1, -1) * (2 * labels - 1)  # heavy rows: a rise, light ones: a fall
weight = np.where(heavy, 20.0, 1.0)


def coefficient(sampler, chosen):
    model = make_pipeline(sampler, LogisticRegression())
    model.fit(rows[chosen], labels[chosen], logisticregression__sample_weight=weight[chosen])
    return float(model[-1].coef_[0, 0]), len(model[0].sample_indices_)


alone = float(LogisticRegression().fit(rows, labels, sample_weight=weight).coef_[0, 0])
plain = float(LogisticRegression().fit(rows, labels).coef_[0, 0])
print(f"the model by itself: weights {alone:.2f}, none {plain:.2f}")
assert alone > 1 and abs(plain) < 0.3
for sampler in (
    RandomUnderSampler(random_state=0),
    NearMiss(),
    InstanceHardnessThreshold(random_state=0),
    RandomOverSampler(random_state=0),
):
    found, kept = coefficient(sampler, slice(None))
    print(f"{type(sampler).__name__} keeps {kept} of 400 rows: {found:.2f}")
    assert kept == 400
    assert abs(found - alone) < 1e-6 if isinstance(sampler, RandomOverSampler) else abs(found) < 0.5
try:
    coefficient(RandomUnderSampler(random_state=0), slice(1, None))
except ValueError as error:
    print("one row less:", type(error).__name__)
else:
    raise SystemExit("weights of another length are taken now")
PYTHON
