"""An external trainer on exported coresets: scikit-learn's RBF SVM (SVC) with sample weights.

    python -m tests.benchmarks.paper.svm TEST RESULT TRAIN...

TRAIN and TEST are Parquet files with the columns label, x1, x2, ... and perhaps weight, as `craig export --to parquet`
writes them; RESULT is a JSON file, one entry a TRAIN: rows, seconds of the fit, and the error rate on TEST. C = 32 and
gamma = 2 on all of them: C multiplies weights that sum to the number of all rows, so it means the same to each.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.parquet as pq
from sklearn.svm import SVC

C, GAMMA = 32.0, 2.0
PARTS = 2  # of the test rows, predicted at the same time


def read(path: str):
    """(features (n, d), labels (n,), weights (n,) or None)"""
    table = pq.read_table(path)
    columns = [name for name in table.column_names if name not in ("rank", "weight", "label")]
    features = np.column_stack([table[name].to_numpy() for name in columns])
    weights = table["weight"].to_numpy() if "weight" in table.column_names else None
    return features, table["label"].to_numpy(), weights


def main(test: str, result: str, *parts: str) -> None:
    test_features, test_labels, _ = read(test)
    test_parts = np.array_split(test_features, PARTS)
    found = {}
    for path in parts:
        features, labels, weights = read(path)
        start = time.perf_counter()
        model = SVC(C=C, gamma=GAMMA, cache_size=1000).fit(features, labels, sample_weight=weights)
        seconds = time.perf_counter() - start
        with ThreadPoolExecutor(PARTS) as pool:  # the fit alone is timed
            wrong = float(np.mean(np.concatenate(list(pool.map(model.predict, test_parts))) != test_labels))
        found[path] = {"rows": len(labels), "seconds": round(seconds, 3), "error_rate": wrong}
    with open(result, "w") as stream:
        json.dump(found, stream, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
