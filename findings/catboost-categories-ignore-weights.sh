#!/usr/bin/env bash
# CatBoost 1.2.10: what it makes of a category of more than two values does not see the sample weights.
#
# Guess: the mean label of a category, by which CatBoost turns it into a number, weighs its rows as the loss does.
# Seen: rows are counted. Here each of 40 categories has 50 labels of 0 and 50 of 1; by weight 20 of them are at .98
# and 20 at .02. Counted they are all alike, and the model says .51 of each, whatever it weighs. With the values as
# columns (one_hot_max_size, 2 by default), or with each row repeated as often as it weighs, it is .98 and .02.
# Output seen (least and largest chance of the categories at .98 and of those at .02):
#   catboost 1.2.10
#   weights: 0.51 to 0.51, 0.51 to 0.51
#   rows repeated: 0.98 to 0.98, 0.02 to 0.02
#   weights, one_hot_max_size=255: 0.97 to 0.97, 0.03 to 0.03
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
category = np.repeat(np.arange(40), 100)
labels = np.tile([0, 1], 2000)
order = generator.permutation(4000)
category, labels = category[order], labels[order]
weight = np.where(labels == category % 2, 50, 1)
again = generator.permutation(np.repeat(np.arange(4000), weight))


def chances(taken, weight=None, **settings):
    """Chances of 1 of the odd categories, which are mostly 1 by weight, and of the even ones."""
    model = catboost.CatBoostClassifier(
        iterations=100, learning_rate=0.3, verbose=0, thread_count=1, allow_writing_files=False, **settings
    )
    model.fit(category[taken, None].astype(str), labels[taken], cat_features=[0], sample_weight=weight)
    found = model.predict_proba(np.arange(40)[:, None].astype(str))[:, 1]
    return found[1::2], found[::2]


every = np.arange(4000)
for what, (high, low) in {
    "weights": chances(every, weight),
    "rows repeated": chances(again),
    "weights, one_hot_max_size=255": chances(every, weight, one_hot_max_size=255),
}.items():
    print(f"{what}: {high.min():.2f} to {high.max():.2f}, {low.min():.2f} to {low.max():.2f}")
    assert (high.min() < 0.7 and low.max() > 0.3) if what == "weights" else (high.min() > 0.9 and low.max() < 0.1)
PYTHON
