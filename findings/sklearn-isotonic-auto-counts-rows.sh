#!/usr/bin/env bash
# scikit-learn 1.9.1: IsotonicRegression(increasing="auto") counts rows when it decides whether to rise or fall.
#
# Guess: fit takes sample_weight, so which way is tried is that of the weighted rows, as with the rows repeated.
# Seen: the way is the sign of Spearman's correlation of rows that count alike; weights only move the steps of the way
# taken. Where 10 rows with 9/10 of the weight rise and 90 light ones fall, the fit falls, and against the weighted
# labels it is no better than a constant. A calibration curve on a subset of rows has this if "auto" is asked for.
# Output seen (weighted share of the variance that is explained):
#   scikit-learn 1.9.1
#   weights:       rises False, explained 0.000
#   rows repeated: rises True, explained 0.742
#   weights, increasing=True: explained 0.742
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.isotonic import IsotonicRegression

print("scikit-learn", sklearn.__version__)
few, many = np.linspace(0, 1, 10), np.linspace(0, 1, 90)
rows, labels = np.r_[few, many], np.r_[few, 1 - many]
weight = np.repeat([81, 1], [10, 90])


def explained(model):
    residuals = np.average((labels - model.predict(rows)) ** 2, weights=weight)
    return 1 - residuals / np.cov(labels, fweights=weight, ddof=0)


weighted = IsotonicRegression(increasing="auto").fit(rows, labels, sample_weight=weight)
repeated = IsotonicRegression(increasing="auto").fit(np.repeat(rows, weight), np.repeat(labels, weight))
told = IsotonicRegression(increasing=True).fit(rows, labels, sample_weight=weight)
print(f"weights:       rises {weighted.increasing_}, explained {explained(weighted):.3f}")
print(f"rows repeated: rises {repeated.increasing_}, explained {explained(repeated):.3f}")
print(f"weights, increasing=True: explained {explained(told):.3f}")
assert not weighted.increasing_ and repeated.increasing_
assert explained(weighted) < 0.1 < 0.5 < explained(repeated) and abs(explained(told) - explained(repeated)) < 1e-6
PYTHON
