#!/usr/bin/env bash
# CatBoost 1.2.10: sample weights times 2, or times 8, train another model.
#
# Guess: l2_leaf_reg is multiplied by the mean weight, so the scale of the weights does not matter.
# Seen: true with random_strength=0 only (bit for bit). At the default random_strength=1 chances move by about 0.1, with
# the same seed and whether or not rows are drawn (bootstrap_type): the noise on the scores of splits depends on the
# scale. Powers of two, so no rounding is involved.
# Output seen:
#   catboost 1.2.10
#   {} [0.0973, 0.1101]
#   {'bootstrap_type': 'No'} [0.0796, 0.1256]
#   {'random_strength': 0} [0.0, 0.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import numpy as np

print("catboost", catboost.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((300, 8))
labels = (rows[:, 0] * rows[:, 1] + generator.standard_normal(300) > 0).astype(int)
weight = generator.integers(1, 5, 300).astype(float)


def chances(scale, **settings):
    model = catboost.CatBoostClassifier(
        iterations=100, learning_rate=0.05, verbose=0, thread_count=1, allow_writing_files=False, **settings
    )
    return model.fit(rows, labels, sample_weight=weight * scale).predict_proba(rows)[:, 1]


for settings in ({}, {"bootstrap_type": "No"}, {"random_strength": 0}):
    moved = [round(float(np.abs(chances(1, **settings) - chances(scale, **settings)).max()), 4) for scale in (2, 8)]
    print(settings, moved)
    assert max(moved) < 1e-9 if "random_strength" in settings else min(moved) > 0.01
PYTHON
