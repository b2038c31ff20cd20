#!/usr/bin/env bash
# scikit-learn 1.9.1: oob_score_ of a random forest takes heavy rows for class 0, whatever their label, however many
# the trees.
#
# Guess: with sample weights the forest draws rows by weight, each row is left out by some of 300 trees, and oob_score_
# says how it would do on new rows.
# Seen: a row of many times the mean weight is drawn by every tree, so that no tree is left to judge it. Its vote is
# [0, 0], which is counted as class 0 (0 for regression), at a weight of 1 like all others. Of 200 heavy rows of 2,000,
# all of class 1 and easy, 5 are right; on new rows of that kind the forest is right in all. The warning says that
# "probably" too few trees were used.
# Output seen:
#   scikit-learn 1.9.1
#   no weights: without a vote 0, oob_score_ 0.887, on heavy rows alone 1.000, on new ones like them 1.000
#   weight 100: without a vote 195, oob_score_ 0.796, on heavy rows alone 0.025, on new ones like them 1.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier

print("scikit-learn", sklearn.__version__)


def data(seed):
    """2,000 rows, of which the first 200 are of class 1 and easy to tell."""
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((2000, 3))
    rows[:200, 0] = 2 + generator.random(200)
    labels = (rows[:, 0] + 0.4 * generator.standard_normal(2000) > 0).astype(int)
    labels[:200] = 1
    return rows, labels


rows, labels = data(0)
new, new_labels = data(1)
found = {}
for name, heavy in (("no weights", 1), ("weight 100", 100)):
    weight = np.where(np.arange(2000) < 200, heavy, 1)
    model = RandomForestClassifier(300, min_samples_leaf=5, oob_score=True, random_state=0)
    model.fit(rows, labels, sample_weight=weight if heavy > 1 else None)
    votes = model.oob_decision_function_
    missing = int((votes.sum(1) == 0).sum())
    inside = float(np.mean(votes.argmax(1)[:200] == labels[:200]))
    outside = model.score(new[:200], new_labels[:200])
    print(
        f"{name}: without a vote {missing}, oob_score_ {model.oob_score_:.3f}, "
        f"on heavy rows alone {inside:.3f}, on new ones like them {outside:.3f}"
    )
    found[heavy] = missing, inside, outside, model.oob_score_
assert found[1][0] == 0 and found[1][1] > 0.9
assert found[100][0] > 190 and found[100][1] < 0.05 and found[100][2] > 0.95
assert found[100][3] < found[1][3] - 0.05
PYTHON
