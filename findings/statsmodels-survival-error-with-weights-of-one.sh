#!/usr/bin/env bash
# statsmodels 0.15.0: with freq_weights of 1 the standard errors of SurvfuncRight are up to 20 times those without
# weights.
#
# Guess: frequency weights of 1 are no weights, and weights of 5 are each row five times, in the survival function and
# in its standard errors.
# Seen: the function is, the errors are not: with weights surv_prob_se is the error of the cumulative hazard, which grows
# while survival falls, and is not multiplied by it. Where 5 % survive it is .30 for .015, and the interval of the
# median, .68 to .95 without weights, ends at 6.06. Bands by simultaneous_cb() stand on the same errors.
# Output seen (survival and its error at the 10th, 100th and 190th of 200 deaths, interval of the median):
#   statsmodels 0.15.0
#   no weights: 0.95 0.0154, 0.50 0.0354, 0.05 0.0154; median 0.68 to 0.95
#   weights of 1: 0.95 0.0162, 0.50 0.0704, 0.05 0.3003; median 0.60 to 6.06
#   rows repeated: 0.95 0.0069, 0.50 0.0158, 0.05 0.0069; median 0.75 to 0.86
#   weights of 5: 0.95 0.0072, 0.50 0.0315, 0.05 0.1343; median 0.70 to 6.06
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import statsmodels
from statsmodels.duration.survfunc import SurvfuncRight

print("statsmodels", statsmodels.__version__)
time, died = np.random.default_rng(0).exponential(size=200), np.ones(200)
five = np.repeat(np.arange(200), 5)
cases = {
    "no weights": (time, died, None),
    "weights of 1": (time, died, np.ones(200)),
    "rows repeated": (time[five], died[five], None),
    "weights of 5": (time, died, np.full(200, 5)),
}
errors, ends = {}, {}
for name, (times, status, weights) in cases.items():
    survival = SurvfuncRight(times, status, freq_weights=weights)
    chances, errors[name] = survival.surv_prob, survival.surv_prob_se
    shown = ", ".join(f"{chances[death]:.2f} {errors[name][death]:.4f}" for death in (9, 99, 189))
    low, ends[name] = survival.quantile_ci(0.5)
    print(f"{name}: {shown}; median {low:.2f} to {ends[name]:.2f}")
assert errors["weights of 1"][189] > 15 * errors["no weights"][189]
assert errors["weights of 5"][189] > 15 * errors["rows repeated"][189]
assert max(ends["no weights"], ends["rows repeated"]) < 1 and min(ends["weights of 1"], ends["weights of 5"]) > 5
PYTHON
