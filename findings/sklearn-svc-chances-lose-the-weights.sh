#!/usr/bin/env bash
# scikit-learn 1.9.1: the chances of SVC(probability=True) lose most of what the sample weights say.
#
# Guess: SVC takes sample_weight, a weight of k is k rows in its decisions, so it is in predict_proba.
# Seen: decisions are those of the rows repeated. The sigmoid that makes chances of them is fitted to rows counted
# alike, so that where class 1 weighs 9 times the other, the chances have a weighted mean of .53 where .89 of the
# weight is of class 1. CalibratedClassifierCV(SVC(), ensemble=False), which is to take its place from 1.11 on, has it
# right.
# Output seen (chances at three points, weighted mean of the chances on all rows):
#   scikit-learn 1.9.1, share of class 1 by weight 0.887
#   SVC(probability=True): weights [0.45 0.54 0.57], mean 0.53; rows repeated [0.87 0.91 0.92]; none [0.17 0.44 0.89]
#   CalibratedClassifierCV: weights [0.88 0.9  0.91], mean 0.89; rows repeated [0.88 0.9  0.91]; none [0.17 0.44 0.89]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

generator = np.random.default_rng(0)
rows = generator.standard_normal((300, 2))
labels = (rows[:, 0] + generator.standard_normal(300) > 0).astype(int)
weight = np.where(labels == 1, 9, 1)
again = np.repeat(np.arange(300), weight)
points = np.array([[-1.0, 0], [0, 0], [1, 0]])
share = np.average(labels, weights=weight)
print(f"scikit-learn {sklearn.__version__}, share of class 1 by weight {share:.3f}")


def chances(model, name):
    """Chances of the points: weights, rows repeated, none; and how far the weighted mean is from the share."""
    model.fit(rows, labels, sample_weight=weight)
    mean = np.average(model.predict_proba(rows)[:, 1], weights=weight)
    weighted = model.predict_proba(points)[:, 1]
    repeated = model.fit(rows[again], labels[again]).predict_proba(points)[:, 1]
    plain = model.fit(rows, labels).predict_proba(points)[:, 1]
    shown = [each.round(2) for each in (weighted, repeated, plain)]
    print("{}: weights {}, mean {:.2f}; rows repeated {}; none {}".format(name, shown[0], mean, *shown[1:]))
    return np.abs(weighted - repeated).max(), abs(mean - share)


first, second = SVC(gamma=0.5).fit(rows, labels, sample_weight=weight), SVC(gamma=0.5).fit(rows[again], labels[again])
assert np.allclose(first.decision_function(points), second.decision_function(points), atol=0.01)
apart, off = chances(SVC(probability=True, random_state=0), "SVC(probability=True)")
assert apart > 0.3 and off > 0.3
apart, off = chances(CalibratedClassifierCV(SVC(), ensemble=False), "CalibratedClassifierCV")
assert apart < 0.02 and off < 0.02
PYTHON
