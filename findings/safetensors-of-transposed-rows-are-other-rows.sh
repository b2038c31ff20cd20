#!/usr/bin/env bash
# safetensors 0.8.0: of a numpy array that lies column by column, such as DataFrame.to_numpy(), it saves other numbers.
#
# Guess: save_file of an array has its values in their places, as numpy.save has, or refuses one that is not in C order,
# as it refuses torch tensors that are not contiguous.
# Seen: the memory is written as it lies, under the shape of the array, so that the columns of a frame come back as
# rows, values of one row in others, and nothing is said. A frame of one type, a transposed matrix and many results of
# linear algebra lie so. numpy.ascontiguousarray() first is the way out.
# Output seen:
#   safetensors 0.8.0 numpy 2.4.6 pandas 3.1.1
#   frame [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
#   safetensors [[1.0, 2.0], [3.0, 10.0], [20.0, 30.0]]
#   safetensors, ascontiguousarray [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
#   numpy.save [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pandas
import safetensors
from safetensors.numpy import load_file, save_file

print("safetensors", safetensors.__version__, "numpy", np.__version__, "pandas", pandas.__version__)
rows = pandas.DataFrame({"x": [1.0, 2.0, 3.0], "y": [10.0, 20.0, 30.0]}).to_numpy()
assert rows.flags.f_contiguous


def saved(array):
    save_file({"rows": array}, "rows.safetensors")
    return load_file("rows.safetensors")["rows"]


np.save("rows.npy", rows)
cases = {
    "frame": rows,
    "safetensors": saved(rows),
    "safetensors, ascontiguousarray": saved(np.ascontiguousarray(rows)),
    "numpy.save": np.load("rows.npy"),
}
for name, found in cases.items():
    print(name, found.tolist())
    assert found.shape == rows.shape and (found == rows).all() == (name != "safetensors")
transposed = np.random.default_rng(0).standard_normal((4, 3)).T
assert not (saved(transposed) == transposed).all()
PYTHON
