#!/usr/bin/env bash
# river 0.26.1: adaptive random forests and SRP take a weight for each row, and ignore it.
#
# Guess: learn_one(x, y, w=5) of an ensemble hands w to its trees, as bagging of the same trees does, or is refused as
# by naive Bayes.
# Seen: ARFClassifier, ARFRegressor, SRPClassifier and SRPRegressor swallow w among the **kwargs and learn what they
# learn without, to the last digit. BaggingClassifier of Hoeffding trees hands it on.
# Output seen (chance, or mean, where heavy rows say 1, or 5, and the others 0):
#   river 0.26.1
#   HoeffdingTreeClassifier: weights 0.882, none 0.254
#   BaggingClassifier: weights 0.657, none 0.224
#   ARFClassifier: weights 0.086, none 0.086
#   SRPClassifier: weights 0.084, none 0.084
#   HoeffdingTreeRegressor: weights 4.717, none 1.272
#   ARFRegressor: weights 0.926, none 0.926
#   SRPRegressor: weights 1.025, none 1.025
#   GaussianNB: TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check river==0.26.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import river
from river import ensemble, forest, naive_bayes, tree

print("river", river.__version__)
random.seed(0)
data = []
for _ in range(2000):
    heavy = random.random() < 0.3
    data.append(({"a": random.gauss(0, 1)}, heavy, 50 if heavy else 1))


def learn(model, regression, weighted):
    for x, heavy, weight in data:
        target = 5.0 * heavy if regression else heavy
        model.learn_one(x, target, **({"w": weight} if weighted else {}))
    return model.predict_one({"a": 0.0}) if regression else model.predict_proba_one({"a": 0.0}).get(True, 0.0)


def moves(make):
    """Whether weights move what the model says."""
    name = type(make()).__name__
    found = [learn(make(), "Regressor" in name, weighted) for weighted in (True, False)]
    print("{}: weights {:.3f}, none {:.3f}".format(name, *found))
    return found[0] != found[1]


assert moves(tree.HoeffdingTreeClassifier)
assert moves(lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), n_models=3, seed=0))
assert not moves(lambda: forest.ARFClassifier(n_models=3, seed=0))
assert not moves(lambda: ensemble.SRPClassifier(n_models=3, seed=0))
assert moves(tree.HoeffdingTreeRegressor)
assert not moves(lambda: forest.ARFRegressor(n_models=3, seed=0))
assert not moves(lambda: ensemble.SRPRegressor(n_models=3, seed=0))
try:
    learn(naive_bayes.GaussianNB(), False, True)
except TypeError as error:
    print("GaussianNB:", type(error).__name__)
else:
    raise SystemExit("GaussianNB takes weights now")
PYTHON
