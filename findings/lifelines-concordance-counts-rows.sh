#!/usr/bin/env bash
# lifelines 0.30.3: the concordance of a model that was fitted with weights_col counts rows, also where score() is
# handed the weights.
#
# Guess: a weight of k is k rows, in the coefficients and log-likelihood and so in concordance_index_, which summary and
# score(scoring_method="concordance_index") show.
# Seen: coefficients and log-likelihood of the weighted model are those of the rows repeated, the concordance is that of
# rows that count alike. Where most of the weight is of rows that the model orders well it says .52, which is no better
# than chance, of a model that has .80, and picks the wrong penalizer or columns. score() is log-likelihood by default,
# which weighs. lifelines.utils.concordance_index takes no weights; the rows repeated have it right.
# Output seen (weights, rows repeated):
#   lifelines 0.30.3
#   CoxPHFitter: coefficient -0.81 -0.80, concordance_index_ 0.52 0.80, score 0.52 0.80
#   WeibullAFTFitter: coefficient 0.60 0.60, concordance_index_ 0.52 0.79, score 0.52 0.79
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lifelines
import numpy as np
import pandas

print("lifelines", lifelines.__version__)
generator = np.random.default_rng(0)
rows = pandas.DataFrame(generator.standard_normal((200, 2)), columns=["x", "y"])
rows["time"] = np.exp(rows["x"] * np.where(rows["y"] > 0, 1, -1) + generator.standard_normal(200) / 3)
rows["seen"] = 1
weight = np.where(rows["y"] > 0, 10, 1)
weighted = rows.assign(weight=weight.astype(float))
repeated = rows.iloc[np.repeat(np.arange(200), weight)].reset_index(drop=True)
for fitter in (lifelines.CoxPHFitter, lifelines.WeibullAFTFitter):
    models = fitter().fit(weighted, "time", "seen", weights_col="weight"), fitter().fit(repeated, "time", "seen")
    first = [float(np.ravel(model.params_)[0]) for model in models]
    fitted = [model.concordance_index_ for model in models]
    scored = [
        model.score(data, scoring_method="concordance_index") for model, data in zip(models, (weighted, repeated))
    ]
    print(
        f"{fitter.__name__}: coefficient {first[0]:.2f} {first[1]:.2f}, concordance_index_ {fitted[0]:.2f} "
        f"{fitted[1]:.2f}, score {scored[0]:.2f} {scored[1]:.2f}"
    )
    assert abs(first[0] - first[1]) < 0.05
    assert max(fitted[0], scored[0]) < 0.6 and min(fitted[1], scored[1]) > 0.7
PYTHON
