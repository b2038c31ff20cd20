#!/usr/bin/env bash
# numba 0.68.1: in compiled code the mean of 20,000,000 float32 ones is .84, and on several threads it is 1.
#
# Guess: np.sum, np.mean and np.std in a @njit function are those of numpy, which sums in pairs, up to the last digits.
# Seen: numba adds one number after the other in float32, so that a sum of ones stands still at 2^24, and a deviation,
# which numpy says is 1, is 7.4. The same function without @njit is right. With parallel=True each thread adds its part,
# so that the mean depends on how many there are. np.sum(x, dtype=np.float64) is the way out.
# Output seen:
#   numba 0.68.1 numpy 2.4.6
#   20,000,000 ones, sum: numba 16777216, numpy 20000000; mean: numba 0.8389, numpy 1.0000
#   20,000,000 numbers near 100, deviation 1: mean: numba 107.37, numpy 100.00; std: numba 7.44, numpy 1.00
#   2,000,000 of them: mean: numba 98.68, numpy 100.00; std: numba 1.65, numpy 1.00
#   20,000,000 ones, parallel: mean 0.8389 on one thread, 1.0000 on two
#   20,000,000 ones, sum of float64: numba 20000000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6
cd "$folder"
NUMBA_NUM_THREADS=2 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numba
import numpy as np

print("numba", numba.__version__, "numpy", np.__version__)


def figures(numbers):
    return np.sum(numbers), np.mean(numbers), np.std(numbers)


@numba.njit
def wide_sum(numbers):
    return np.sum(numbers, dtype=np.float64)


compiled = numba.njit(figures)
ones = np.ones(20_000_000, np.float32)
found, expected = compiled(ones), figures(ones)
print(
    f"20,000,000 ones, sum: numba {found[0]:.0f}, numpy {expected[0]:.0f}; "
    f"mean: numba {found[1]:.4f}, numpy {expected[1]:.4f}"
)
assert found[0] == 2**24 and found[1] < 0.9 and expected[0] == 20_000_000 and expected[1] == 1
near = np.random.default_rng(0).standard_normal(20_000_000, dtype=np.float32) + 100
for numbers, name in ((near, "20,000,000 numbers near 100, deviation 1"), (near[:2_000_000], "2,000,000 of them")):
    found, expected = compiled(numbers), figures(numbers)
    print(
        f"{name}: mean: numba {found[1]:.2f}, numpy {expected[1]:.2f}; "
        f"std: numba {found[2]:.2f}, numpy {expected[2]:.2f}"
    )
    assert abs(found[1] - 100) > 0.05 > abs(expected[1] - 100) and abs(found[2] - 1) > 0.05 > abs(expected[2] - 1)
parallel = numba.njit(parallel=True)(figures)
numba.set_num_threads(1)
single = parallel(ones)[1]
numba.set_num_threads(2)
double = parallel(ones)[1]
print(f"20,000,000 ones, parallel: mean {single:.4f} on one thread, {double:.4f} on two")
assert single < 0.9 and double == 1
wide = wide_sum(ones)
print(f"20,000,000 ones, sum of float64: numba {wide:.0f}")
assert wide == 20_000_000
PYTHON
