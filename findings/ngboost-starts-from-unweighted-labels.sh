#!/usr/bin/env bash
# ngboost 0.5.11: with sample weights it starts from the labels unweighted, and takes all of its 500 rounds to get away
# from there.
#
# Guess: the distribution that boosting starts from is that of the weighted labels, as in XGBoost, CatBoost and
# HistGradientBoosting, and as with the rows repeated.
# Seen: it is fitted to rows that count alike, and the trees, which have the weights, correct it little by little. With
# a feature that says nothing and a tenth of the rows with half of the weight, the mean is a third off after 100 rounds,
# and there after 500; with early stopping, fewer rounds or a smaller learning rate it is wrong. With the rows repeated
# it is right from the first round on. So it is of classes.
# Output seen (predicted mean: 2.5 with weights, 0.5 without; predicted chance: 0.5 with weights, 0.1 without):
#   ngboost 0.5.11
#   NGBRegressor 0.50 after 1, 1.77 after 100, 2.52 after 500; rows repeated 2.52 after 1
#   NGBClassifier 0.10 after 1, 0.35 after 100, 0.50 after 500; rows repeated 0.50 after 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ngboost==0.5.11 scikit-learn==1.8.0 numpy==2.4.6 \
  scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from ngboost import NGBClassifier, NGBRegressor

print("ngboost", version("ngboost"))
flag = np.arange(600) < 60
labels = 5 * flag + np.random.default_rng(0).standard_normal(600)
weight = np.where(flag, 9, 1)
again = np.repeat(np.arange(600), weight)
rows = np.zeros((600, 1))


def mean(kind, labels, rounds, chosen, weight=None):
    model = kind(n_estimators=rounds, verbose=False, random_state=0)
    model.fit(rows[chosen], labels[chosen], sample_weight=weight)
    return float(model.predict(rows[:1])[0] if kind is NGBRegressor else model.predict_proba(rows[:1])[0, 1])


for kind, labels, aim, plain in (
    (NGBRegressor, labels, np.average(labels, weights=weight), labels.mean()),
    (NGBClassifier, flag.astype(int), 0.5, 0.1),
):
    found = {rounds: mean(kind, labels, rounds, np.arange(600), weight) for rounds in (1, 100, 500)}
    repeated = mean(kind, labels, 1, again)
    print(kind.__name__, ", ".join(f"{value:.2f} after {rounds}" for rounds, value in found.items()), end="")
    print(f"; rows repeated {repeated:.2f} after 1")
    assert abs(repeated - aim) < 0.01 and abs(found[500] - aim) < 0.01
    assert found[1] - plain < 0.05 * (aim - plain) and found[100] - plain < 0.8 * (aim - plain)
PYTHON
