#!/usr/bin/env bash
# scikit-learn 1.9.1: KernelDensity(bandwidth="scott") has the same bandwidth in metres and in kilometres.
#
# Guess: Scott's rule is the deviation of the rows times n^(-1/5), as in scipy's gaussian_kde, seaborn and R.
# Seen: bandwidth_ is a power of the numbers of rows and columns alone, for "silverman" too. Of 500 rows of deviation
# 1000 it is .29, so that each row is a spike and new rows have a mean log density of -1072 where scipy says -8.3; of
# deviation .001 there is one broad hill, whatever the rows are like. For columns of deviation 1 both agree. Outliers by
# score_samples, rows drawn by their density and draws by sample() follow.
# Output seen (bandwidth, mean log density of 500 new rows):
#   scikit-learn 1.9.1 scipy 1.17.1
#   deviation 0.001, scott: scikit-learn 0.2885, 0.32; scipy 0.0003, 5.53
#   deviation 0.001, silverman: scikit-learn 0.3056, 0.27; scipy 0.0003, 5.53
#   deviation 1, scott: scikit-learn 0.2885, -1.37; scipy 0.2928, -1.37
#   deviation 1, silverman: scikit-learn 0.3056, -1.37; scipy 0.3101, -1.37
#   deviation 1000, scott: scikit-learn 0.2885, -1072.23; scipy 292.7569, -8.28
#   deviation 1000, silverman: scikit-learn 0.3056, -956.38; scipy 310.0950, -8.28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import scipy
import sklearn
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity

print("scikit-learn", sklearn.__version__, "scipy", scipy.__version__)
rows, new = np.random.default_rng(0).standard_normal((2, 500))
for scale in (0.001, 1, 1000):
    for rule in ("scott", "silverman"):
        here = KernelDensity(bandwidth=rule).fit(rows[:, None] * scale)
        there = gaussian_kde(rows * scale, rule)
        width = here.bandwidth_, there.factor * np.std(rows * scale, ddof=1)
        score = here.score(new[:, None] * scale) / 500, np.mean(there.logpdf(new * scale))
        text = [f"{each:.4f}, {of_new:.2f}" for each, of_new in zip(width, score)]
        print(f"deviation {scale}, {rule}: scikit-learn {text[0]}; scipy {text[1]}")
        assert abs(score[0] - score[1]) < 0.05 if scale == 1 else score[0] < score[1] - 4
PYTHON
