#!/usr/bin/env bash
# statsmodels 0.15.0: with freq_weights the pseudo R squared of a GLM comes near 1, however little the model explains.
#
# Guess: freq_weights of k are k rows: coefficients, standard errors, likelihood, AIC and BIC are those of the rows
# repeated, so pseudo_rsquared() is, too.
# Seen: all the others are. The pseudo R squared (Cox and Snell, the default, and in summary()) divides the likelihood
# of all weights by the number of rows: with 10 for each it is .83 where the rows repeated, and the rows alone, have
# .16. kind="mcf" has no such number in it and is right.
# Output seen:
#   statsmodels 0.15.0
#   weights: pseudo R squared 0.830, mcf 0.129, standard error 0.0595
#   rows repeated: pseudo R squared 0.162, mcf 0.129, standard error 0.0595
#   no weights: pseudo R squared 0.162, mcf 0.129, standard error 0.1880
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1 \
  scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import statsmodels
import statsmodels.api as sm

print("statsmodels", statsmodels.__version__)
generator = np.random.default_rng(0)
rows = sm.add_constant(generator.standard_normal(200))
labels = (generator.random(200) < 1 / (1 + np.exp(-rows[:, 1]))).astype(float)
again = np.repeat(np.arange(200), 10)
found = {}
for name, chosen, weights in (
    ("weights", slice(None), {"freq_weights": np.full(200, 10)}),
    ("rows repeated", again, {}),
    ("no weights", slice(None), {}),
):
    result = sm.GLM(labels[chosen], rows[chosen], family=sm.families.Binomial(), **weights).fit()
    shares = float(result.pseudo_rsquared()), float(result.pseudo_rsquared(kind="mcf"))
    found[name] = *shares, float(result.bse[1]), float(result.aic)
    print("{}: pseudo R squared {:.3f}, mcf {:.3f}, standard error {:.4f}".format(name, *found[name]))
    assert f"{shares[0]:.4f}"[:5] in str(result.summary())
assert np.allclose(found["weights"][1:], found["rows repeated"][1:])
assert found["weights"][0] > 0.8 and found["rows repeated"][0] < 0.2
PYTHON
