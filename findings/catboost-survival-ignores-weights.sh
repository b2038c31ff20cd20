#!/usr/bin/env bash
# CatBoost 1.2.10: the losses for survival, Cox and SurvivalAft, do not see sample weights.
#
# Guess: as with RMSE and Logloss a weight of k is k rows; there is a weight in the Pool and nothing is said against it.
# Seen: in the end the leaves say with weights what they say without; all that weights do is make the penalty of a leaf
# larger. With rows that weigh 9 times the others where x = 1 dies early, the difference of the logarithms of the
# hazards is 0 as without weights, where lifelines' Cox model has 1.48. XGBoost's survival:aft has the weighted mean, as
# CatBoost has with the rows repeated.
# Output seen:
#   catboost 1.2.10 lifelines 0.30.3 xgboost 3.2.0
#   AFT, weighted mean 0.01: catboost with weights 0.524, rows repeated 0.011, no weights 0.524; xgboost with weights 0.011
#   Cox, log hazard: catboost with weights 0.011, no weights 0.011; lifelines with weights 1.479, no weights 0.011
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 lifelines==0.30.3 \
  xgboost-cpu==3.2.0 numpy==2.4.6 pandas==2.3.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import lifelines
import numpy as np
import pandas
import xgboost

print("catboost", catboost.__version__, "lifelines", lifelines.__version__, "xgboost", xgboost.__version__)


def said(loss, rows, labels, weight=None):
    """What CatBoost says of rows at 0 and at 1."""
    settings = {"iterations": 200, "depth": 1, "learning_rate": 0.3, "random_strength": 0, "bootstrap_type": "No"}
    model = catboost.CatBoost(
        settings | {"loss_function": loss, "thread_count": 1, "verbose": 0, "allow_writing_files": False}
    )
    model.fit(catboost.Pool(rows, label=labels, weight=weight))
    return model.predict([[0.0], [1.0]], prediction_type="RawFormulaVal")


# Of the rows at 0, ten of weight 100 live for exp(0), eleven of weight 1 for exp(1)
rows = np.repeat([[0.0], [1.0]], 21, axis=0)
times = np.exp(np.tile(np.repeat([0.0, 1.0], [10, 11]), 2) + 3 * rows[:, 0])
weight = np.tile(np.repeat([100.0, 1.0], [10, 11]), 2)
again = np.repeat(np.arange(42), weight.astype(int))
both = np.stack([times, times], axis=1)
aft = [
    said("SurvivalAft:dist=Normal", rows, both, weight)[0],
    said("SurvivalAft:dist=Normal", rows[again], both[again])[0],
    said("SurvivalAft:dist=Normal", rows, both)[0],
]
data = xgboost.DMatrix(rows, label_lower_bound=times, label_upper_bound=times, weight=weight)
model = xgboost.train({"objective": "survival:aft", "max_depth": 1, "lambda": 0, "nthread": 1}, data, 200)
aft.append(float(model.predict(xgboost.DMatrix([[0.0]]), output_margin=True)[0]))
print(
    "AFT, weighted mean {:.2f}: catboost with weights {:.3f}, rows repeated {:.3f}, no weights {:.3f}; "
    "xgboost with weights {:.3f}".format(11 / 1011, *aft)
)
assert abs(aft[0] - aft[2]) < 1e-3 and aft[0] - aft[1] > 0.5 and abs(aft[3] - aft[1]) < 0.01

group = np.repeat([0.0, 1.0], 200)
times = np.random.default_rng(0).exponential(1, 400)
weight = np.where((group == 1) == (times < np.median(times)), 9.0, 1.0)
frame = pandas.DataFrame({"x": group, "time": times, "weight": weight})
cox = [
    np.diff(said("Cox", group[:, None], times, weight))[0],
    np.diff(said("Cox", group[:, None], times))[0],
    lifelines.CoxPHFitter().fit(frame, "time", weights_col="weight", robust=True).params_["x"],
    lifelines.CoxPHFitter().fit(frame[["x", "time"]], "time").params_["x"],
]
print(
    "Cox, log hazard: catboost with weights {:.3f}, no weights {:.3f}; "
    "lifelines with weights {:.3f}, no weights {:.3f}".format(*cox)
)
assert abs(cox[0] - cox[1]) < 1e-3 and cox[2] > 1.2 and abs(cox[1] - cox[3]) < 0.01
PYTHON
