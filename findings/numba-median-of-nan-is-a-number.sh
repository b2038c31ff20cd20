#!/usr/bin/env bash
# numba 0.68.1: in compiled code the median of numbers with NaN is a number, which depends on the order of the rows.
#
# Guess: np.median in a @njit function is that of numpy: NaN if one of the numbers is, as np.percentile, np.mean and
# np.max are in compiled code, too.
# Seen: NaN is left where it lies while the others are put in order around it, so that the median is one of them, or
# NaN, and another for another order of the same rows: of 1 to 100 with 30 of them NaN it is 61.5, 59.5 or 32.5.
# np.nanmedian and np.percentile(x, 50) are right. The median of two uint64 is half of a sum that does not fit: of 2^63
# and 2^63 it is 0.
# Output seen (of four orders of the same numbers):
#   numba 0.68.1 numpy 2.4.6
#   no NaN: median 50.5 50.5 50.5 50.5, numpy 50.5
#   2 NaN: median 51.5 50.5 50.5 50.5, numpy nan
#   30 NaN: median 61.5 59.5 32.5 59.5, numpy nan
#   30 NaN: percentile nan nan nan nan, nanmedian 50.5 50.5 50.5 50.5
#   uint64, 2^63 and 2^63: median 0.0, numpy 9.223372036854776e+18
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numba
import numpy as np

print("numba", numba.__version__, "numpy", np.__version__)


@numba.njit
def median(numbers):
    return np.median(numbers)


@numba.njit
def others(numbers):
    return np.percentile(numbers, 50), np.nanmedian(numbers)


def show(values):
    return " ".join(f"{value:.1f}" for value in values)


generator = np.random.default_rng(0)
found = {}
for missing in (0, 2, 30):
    numbers = np.arange(1.0, 101.0)
    numbers[generator.permutation(100)[:missing]] = np.nan
    orders = [generator.permutation(numbers) for _ in range(4)]
    found[missing] = [median(order) for order in orders]
    print(f"{missing or 'no'} NaN: median {show(found[missing])}, numpy {np.median(numbers)}")
percentiles, nanmedians = zip(*(others(order) for order in orders))
print(f"30 NaN: percentile {show(percentiles)}, nanmedian {show(nanmedians)}")
assert found[0] == [50.5] * 4 and not all(np.isnan(found[2])) and np.nanmax(found[30]) - np.nanmin(found[30]) > 5
assert np.isnan(percentiles).all() and len(set(nanmedians)) == 1
keys = np.array([2**63, 2**63], np.uint64)
print(f"uint64, 2^63 and 2^63: median {median(keys)}, numpy {np.median(keys)}")
assert median(keys) == 0 and np.median(keys) == 2.0**63
PYTHON
