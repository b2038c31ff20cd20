#!/usr/bin/env bash
# imbalanced-learn 0.14.2: with sample_weight the specificity of a classifier is above 1, unless the weights have mean
# 1.
#
# Guess: specificity_score(y, predicted, sample_weight=w) is the share, by weight, of the other classes that is not
# taken for this one, which is scikit-learn's recall of the other class, and the scale of the weights does not matter.
# Seen: true negatives are the number of rows less the sums of weights of the other three cells, so they may be many or
# below 0: here the specificity is 1.4, where the rows repeated as often as they weigh give .73. The averages of
# geometric_mean_score have it in them, and so have sensitivity_specificity_support and classification_report_imbalanced
# (spe, geo, iba). With weights of mean 1 all are right, and sensitivity always is.
# Output seen (weights, rows repeated, rows):
#   imbalanced-learn 0.14.2 scikit-learn 1.9.1
#   specificity_score: 1.400 0.727 0.737
#   specificity_score, weights times 10: 1.256 0.727 0.737
#   specificity_score, weights of mean 1: 0.727 0.727 0.737
#   geometric_mean_score, macro: 1.031 0.732 0.740
#   sensitivity_score: 0.737 0.737 0.742
#   recall_score of the other class: 0.727 0.727 0.737
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check imbalanced-learn==0.14.2 \
  scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import imblearn
import numpy as np
import sklearn
from imblearn.metrics import geometric_mean_score, sensitivity_score, specificity_score
from sklearn.metrics import recall_score

print("imbalanced-learn", imblearn.__version__, "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
label = generator.integers(0, 2, 300)
predicted = label ^ (generator.random(300) < 0.3)
weight = generator.integers(1, 10, 300)
repeated = np.repeat(np.arange(300), weight)


def compare(name, score, given=weight, **options):
    found = score(label, predicted, sample_weight=given, **options)
    expected = score(label[repeated], predicted[repeated], **options)
    print(f"{name}: {found:.3f} {expected:.3f} {score(label, predicted, **options):.3f}")
    return found, expected


binary = {"average": "binary"}
found, expected = compare("specificity_score", specificity_score, **binary)
assert found > 1 > expected
found, expected = compare("specificity_score, weights times 10", specificity_score, weight * 10, **binary)
assert found > 1 > expected
found, expected = compare("specificity_score, weights of mean 1", specificity_score, weight / weight.mean(), **binary)
assert abs(found - expected) < 1e-9
found, expected = compare("geometric_mean_score, macro", geometric_mean_score, average="macro")
assert found > 1 > expected
found, expected = compare("sensitivity_score", sensitivity_score, **binary)
assert abs(found - expected) < 1e-9
found, expected = compare("recall_score of the other class", recall_score, pos_label=0)
assert abs(found - expected) < 1e-9
PYTHON
