#!/usr/bin/env bash
# scipy 1.17.1: sum(axis=0, dtype=np.float64) of a float32 CSR matrix adds in float32, and so is off by per cents.
#
# Guess: dtype is "the type of the returned array and of the accumulator", as the documentation says; and the sum of a
# column does not depend on the format of the matrix.
# Seen: of CSR the sum is a product with float32 ones, one row added after the other, and dtype only names the type of
# the result: 4,000,000 weights of 0.1 sum to 384,525, with dtype and without, and ones stand still at 2^24. As CSC, or
# as .sum() without an axis, it is 400,000. mean(axis=0) is off for both formats, and for CSR with dtype, too.
# matrix.astype(np.float64) first is the way out.
# Output seen:
#   scipy 1.17.1 numpy 2.4.6
#   CSR: sum() 400000, sum(axis=0) 384525, with dtype 384525, mean(axis=0) 0.09678, with dtype 0.09678
#   CSC: sum() 400000, sum(axis=0) 400000, with dtype 400000, mean(axis=0) 0.09678, with dtype 0.09678
#   CSR as float64: sum(axis=0) 400000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import scipy
from scipy.sparse import csr_array

print("scipy", scipy.__version__, "numpy", np.__version__)
count = 4_000_000
places = np.zeros(count, np.int32), np.arange(count + 1, dtype=np.int32)
matrix = csr_array((np.full(count, 0.1, np.float32), *places), shape=(count, 1))
found = {}
for name, each in (("CSR", matrix), ("CSC", matrix.tocsc())):
    found[name] = (
        each.sum(),
        each.sum(axis=0)[0],
        each.sum(axis=0, dtype=np.float64)[0],
        each.mean(axis=0)[0],
        each.mean(axis=0, dtype=np.float64)[0],
    )
    whole, column, wide, mean, wide_mean = found[name]
    print(
        f"{name}: sum() {whole:.0f}, sum(axis=0) {column:.0f}, with dtype {wide:.0f}, "
        f"mean(axis=0) {mean:.5f}, with dtype {wide_mean:.5f}"
    )
    assert abs(whole - 400_000) < 1 and isinstance(wide, np.float64) and abs(mean - 0.1) > 0.002 < abs(wide_mean - 0.1)
cast = matrix.astype(np.float64).sum(axis=0)[0]
print(f"CSR as float64: sum(axis=0) {cast:.0f}")
assert abs(found["CSR"][1] - 400_000) > 10_000 and abs(found["CSR"][2] - 400_000) > 10_000
assert abs(found["CSC"][1] - 400_000) < 1 and abs(found["CSC"][2] - 400_000) < 1 and abs(cast - 400_000) < 1
PYTHON
