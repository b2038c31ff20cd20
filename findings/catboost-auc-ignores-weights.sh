#!/usr/bin/env bash
# CatBoost 1.2.10: of the metrics of two classes on a weighted evaluation set AUC alone is that without weights.
#
# Guess: an evaluation set with weights is weighed by all metrics alike, as in XGBoost and LightGBM; NormalizedGini is
# 2 AUC - 1.
# Seen: Accuracy, F1, PRAUC, NormalizedGini and the others are weighed, AUC is not, so that early stopping and the best
# iteration by eval_metric="AUC" are those of unweighted rows: of the same predictions AUC says .53 and NormalizedGini
# .65, which is an AUC of .82. "AUC:use_weights=true" weighs. model.score(pool) counts rows, whatever the pool weighs.
# Output seen (the metric; that of scikit-learn without and with weights):
#   catboost 1.2.10
#   AUC 0.532; 0.532 0.823
#   AUC:use_weights=true 0.823; 0.532 0.823
#   NormalizedGini 0.645; 0.063 0.645
#   Accuracy 0.766; 0.537 0.766
#   model.score(pool) 0.537; 0.537 0.766
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 scikit-learn==1.9.1 numpy==2.4.6 \
  pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score

print("catboost", catboost.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((400, 3))
heavy = rows[:, 1] > 0
weight = np.where(heavy, 30.0, 1.0) * generator.uniform(0.5, 1.5, 400)
labels = (np.where(heavy, 1, -1) * rows[:, 0] + generator.standard_normal(400) > 0).astype(int)
pool = catboost.Pool(rows, labels, weight=weight)


def gini(labels, chances, sample_weight=None):
    return 2 * roc_auc_score(labels, chances, sample_weight=sample_weight) - 1


def accuracy(labels, chances, sample_weight=None):
    return accuracy_score(labels, chances > 0.5, sample_weight=sample_weight)


def check(name, value, score, weighed):
    chances = model.predict_proba(rows)[:, 1]
    plain, right = score(labels, chances), score(labels, chances, sample_weight=weight)
    print(f"{name} {value:.3f}; {plain:.3f} {right:.3f}")
    assert abs(plain - right) > 0.1 and abs(value - (right if weighed else plain)) < 1e-4


quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "use_best_model": False}
for metric, score, weighed in (
    ("AUC", roc_auc_score, False),
    ("AUC:use_weights=true", roc_auc_score, True),
    ("NormalizedGini", gini, True),
    ("Accuracy", accuracy, True),
):
    model = catboost.CatBoostClassifier(iterations=6, depth=1, eval_metric=metric, **quiet).fit(pool, eval_set=pool)
    check(metric, model.evals_result_["validation"][metric][-1], score, weighed)
check("model.score(pool)", model.score(pool), accuracy, False)
PYTHON
