#!/usr/bin/env bash
# ydf 0.16.1: with weights, boosted trees of the absolute error start from the largest target, not from the median.
#
# Guess: weights="weight" with loss="MEAN_AVERAGE_ERROR" starts from the median by weight, and one weight for all rows
# is the same as none, as with the squared error.
# Seen: so it is of a weight of 1. With any other weights, alike or not, the model starts from the largest target, one
# outlier if there is one, and the trees have to bring it back: after 50 the predictions lie 2 too high on average, at
# 3.6 times the error. The squared error starts from the weighted mean, and does not care for the scale.
# Output seen (what it starts from, mean prediction, mean absolute error):
#   ydf 0.16.1, targets: median -0.14, by weight 1.08, largest 6.82
#   SQUARED_ERROR: none -0.16 -0.16 0.61, 10 each -0.16 -0.16 0.61
#   MEAN_AVERAGE_ERROR: none -0.14 -0.18 0.64, 10 each 6.82 2.09 2.31
#   MEAN_AVERAGE_ERROR: rows repeated 1.08 0.31 0.80, uneven weights 6.82 2.10 2.32
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ydf==0.16.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import ydf

ydf.verbose(0)
generator = np.random.default_rng(0)
rows = generator.standard_normal((1000, 3))
target = 2 * rows[:, 0] + generator.standard_normal(1000)
weight = np.where(target > 0, 6, 1)
repeated = np.repeat(np.arange(1000), weight)
median, by_weight = np.median(target), np.median(target[repeated])
print(
    f"ydf {ydf.__version__}, targets: median {median:.2f}, by weight {by_weight:.2f}, largest {target.max():.2f}"
)


def trained(loss, given=None, which=slice(None)):
    data = {"x": rows[which], "target": target[which]} | ({} if given is None else {"weight": given.astype(float)})
    learner = ydf.GradientBoostedTreesLearner(
        label="target",
        weights=None if given is None else "weight",
        task=ydf.Task.REGRESSION,
        loss=loss,
        num_trees=50,
        validation_ratio=0.0,
    )
    model = learner.train(data)
    found = model.predict({"x": rows})
    return float(model.initial_predictions()[0]), found.mean(), np.abs(found - target).mean()


def show(figures):
    return " ".join(f"{each:.2f}" for each in figures)


for loss in ("SQUARED_ERROR", "MEAN_AVERAGE_ERROR"):
    alone, alike = trained(loss), trained(loss, np.full(1000, 10))
    print(f"{loss}: none {show(alone)}, 10 each {show(alike)}")
    if loss == "SQUARED_ERROR":
        assert np.allclose(alone, alike, atol=0.01)
    else:
        assert abs(alone[0] - median) < 0.05 and abs(alike[0] - target.max()) < 0.01 and alike[2] > 3 * alone[2]
of_rows, uneven = trained(loss, which=repeated), trained(loss, weight)
print(f"{loss}: rows repeated {show(of_rows)}, uneven weights {show(uneven)}")
assert abs(of_rows[0] - by_weight) < 0.05 and abs(uneven[0] - target.max()) < 0.01
PYTHON
