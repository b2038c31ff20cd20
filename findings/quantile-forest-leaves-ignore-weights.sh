#!/usr/bin/env bash
# quantile-forest 1.4.2: sample weights choose the splits, and then the leaves forget them, in quantiles and in the
# mean.
#
# Guess: RandomForestQuantileRegressor takes sample_weight in fit, so a quantile is the weighted one of the rows in a
# leaf, and quantiles="mean" is what scikit-learn's forest predicts.
# Seen: the rows of a leaf count alike. With 500 rows in a leaf, of which those above 0 weigh 9 times the others,
# median and mean are those without weights, to the last digit; scikit-learn's forest of the same trees has the
# weighted mean.
# Output seen:
#   quantile-forest 1.4.2 scikit-learn 1.9.1
#   weights: median -0.0502, mean -0.0269; scikit-learn 0.6450
#   none:    median -0.0502, mean -0.0269; scikit-learn -0.0269
#   of the rows repeated: median 0.6371, mean 0.6450
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check quantile-forest==1.4.2 scikit-learn==1.9.1 \
  numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import sklearn
from quantile_forest import RandomForestQuantileRegressor
from sklearn.ensemble import RandomForestRegressor

print("quantile-forest", version("quantile-forest"), "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows = np.repeat([[0.0], [1.0]], 500, axis=0)
noise = generator.standard_normal(1000)
labels = noise + 20 * rows[:, 0]
weight = np.where(noise > 0, 9, 1)
settings = {"n_estimators": 10, "max_depth": 1, "bootstrap": False, "random_state": 0}
whole = {"max_samples_leaf": None}  # all rows of a leaf; by default one at random


def said(weight):
    """Median and mean of quantile-forest, mean of scikit-learn, for a row in the first leaf."""
    forest = RandomForestQuantileRegressor(**settings, **whole).fit(rows, labels, sample_weight=weight)
    plain = RandomForestRegressor(**settings).fit(rows, labels, sample_weight=weight)
    median, mean = (np.ravel(forest.predict([[0.0]], quantiles=asked))[0] for asked in ([0.5], "mean"))
    return float(median), float(mean), float(plain.predict([[0.0]])[0])


with_weights, without = said(weight), said(None)
for name, found in (("weights:", with_weights), ("none:   ", without)):
    print(name, "median {:.4f}, mean {:.4f}; scikit-learn {:.4f}".format(*found))
again = np.repeat(labels[:500], weight[:500])
print(f"of the rows repeated: median {np.median(again):.4f}, mean {again.mean():.4f}")
assert with_weights[:2] == without[:2] and abs(with_weights[1] - again.mean()) > 0.5
assert abs(with_weights[2] - again.mean()) < 1e-9
PYTHON
