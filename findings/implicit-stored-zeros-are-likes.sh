#!/usr/bin/env bash
# implicit 0.7.3: to BPR every stored entry is a like of the same weight, zeros and negative ones too; to ALS a stored
# zero is not what an empty place is.
#
# Guess: fit(user_items) takes confidences, so a 10 counts more than a 1, and a stored 0 (a weight that was set to 0) is
# nothing.
# Seen: BayesianPersonalizedRanking looks at the places of the entries alone: factors are the same, to the last digit,
# with all values 1, with values times -1, and with weights; and a stored 0 is a like. AlternatingLeastSquares uses the
# values, but a stored 0 has confidence 0 in "not liked", where an empty place has 1. So weights of 0 turn pairs into
# likes in the one, and into unknowns in the other: eliminate_zeros() first, and repeat rows for BPR.
# Output seen:
#   implicit 0.7.3
#   BayesianPersonalizedRanking
#     all entries as they are   factors are those of: all as they are
#     all entries 1             factors are those of: all as they are
#     all entries negative      factors are those of: all as they are
#     half of them stored as 0  factors are those of: all as they are
#     that half not stored      factors are those of: half not stored
#   AlternatingLeastSquares
#     all entries as they are   factors are those of: all as they are
#     all entries 1             factors are those of: none of both
#     all entries negative      factors are those of: none of both
#     half of them stored as 0  factors are those of: none of both
#     that half not stored      factors are those of: half not stored
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check implicit==0.7.3 numpy==2.4.6 scipy==1.17.1
cd "$folder"
OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import implicit
import numpy as np
import scipy.sparse
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking

print("implicit", implicit.__version__)
generator = np.random.default_rng(0)
values = generator.integers(1, 20, (200, 50)) * (generator.random((200, 50)) < 0.2)
entries = scipy.sparse.csr_matrix(values.astype(np.float32))
half = generator.random(entries.nnz) < 0.5


def matrix(data):
    return scipy.sparse.csr_matrix((data.astype(np.float32), entries.indices, entries.indptr), shape=entries.shape)


zeros = matrix(np.where(half, 0, entries.data))
without = zeros.copy()
without.eliminate_zeros()
cases = {
    "all entries as they are": entries,
    "all entries 1": matrix(np.ones(entries.nnz)),
    "all entries negative": matrix(-entries.data),
    "half of them stored as 0": zeros,
    "that half not stored": without,
}
for kind in (BayesianPersonalizedRanking, AlternatingLeastSquares):
    factors = {}
    for name, data in cases.items():
        model = kind(factors=8, iterations=10, random_state=0, num_threads=1)
        model.fit(data, show_progress=False)
        factors[name] = np.array(model.user_factors)
    whole, cut = factors["all entries as they are"], factors["that half not stored"]
    print(kind.__name__)
    for name, found in factors.items():
        known = {"all as they are": whole, "half not stored": cut}
        same = [what for what, other in known.items() if (found == other).all()]
        print(f"  {name:25} factors are those of: {', '.join(same) or 'none of both'}")
    alike = [bool((found == whole).all()) for found in factors.values()]
    assert alike == ([True] * 4 + [False] if kind is BayesianPersonalizedRanking else [True] + [False] * 4)
    assert not (factors["half of them stored as 0"] == cut).all()
PYTHON
