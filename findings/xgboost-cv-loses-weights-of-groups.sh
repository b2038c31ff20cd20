#!/usr/bin/env bash
# XGBoost 3.2.0: xgboost.cv of ranking data leaves the weights of the groups out, without a word.
#
# Guess: cv cuts the data by groups and trains each fold as train does, with the weights of the groups that are in it.
# Seen: to the last digit the result is that without weights, whatever they are, for training and held-out groups
# alike; train takes them. DMatrix.slice(rows, allow_groups=True), by which cv cuts, drops weights and groups, and cv
# puts only the groups back.
# Output seen (mean NDCG of train; of cv, training and held out):
#   xgboost 3.2.0
#   no weights: train 0.9030, cv 0.9157 0.7831
#   first half of the groups heavy: train 0.9931, cv 0.9157 0.7831
#   second half of the groups heavy: train 0.9427, cv 0.9157 0.7831
#   slice of two groups: 0 weights, 0 borders of groups
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1 \
  pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import xgboost

print("xgboost", xgboost.__version__)
generator = np.random.default_rng(0)
rows, group = generator.standard_normal((400, 3)), np.repeat(np.arange(40), 10)
labels = np.where(group < 20, rows[:, 0] > 0, rows[:, 0] < 0).astype(int)
weight = np.where(np.arange(40) < 20, 50.0, 1.0)
settings = {"objective": "rank:pairwise", "eval_metric": "ndcg", "max_depth": 2, "nthread": 1}
trained, validated = [], []
for name, weights in (("no weights", None), ("first", weight), ("second", weight[::-1])):
    data = xgboost.DMatrix(rows, label=labels, qid=group)
    if weights is not None:
        data.set_weight(weights)
        name += " half of the groups heavy"
    result = {}
    xgboost.train(settings, data, 5, evals=[(data, "train")], evals_result=result, verbose_eval=False)
    trained.append(result["train"]["ndcg"][-1])
    last = xgboost.cv(settings, data, 5, nfold=4, seed=0).iloc[-1]
    validated.append(last.to_list())
    print(f"{name}: train {trained[-1]:.4f}, cv {last['train-ndcg-mean']:.4f} {last['test-ndcg-mean']:.4f}")
part = data.slice(np.arange(20), allow_groups=True)
found = len(part.get_weight()), len(part.get_uint_info("group_ptr"))
print("slice of two groups: {} weights, {} borders of groups".format(*found))
assert len(set(trained)) == 3 and validated[0] == validated[1] == validated[2] and found == (0, 0)
PYTHON
