#!/usr/bin/env bash
# scipy 1.17.1: of an ARFF file with a weight behind each row the weights are passed over, without a word.
#
# Guess: "1.5,yes,{5}" is how Weka writes a row of weight 5, so loadarff has the weights, or refuses a line with more
# values than there are attributes, as liac-arff does.
# Seen: what is behind the last attribute is dropped, whatever it is: labels and features are right, and the data is
# that of rows without weights. A row with a value too many is read the same way, cut at its end.
# Output seen:
#   scipy 1.17.1 liac-arff 2.5.0
#   a weight: scipy [(1.5, b'yes'), (2.5, b'no')], liac-arff BadLayout
#   a value too many: scipy [(1.5, b'yes'), (2.5, b'no')], liac-arff BadDataFormat
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 liac-arff==2.5.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io
from importlib.metadata import version

import arff
from scipy.io.arff import loadarff

print("scipy", version("scipy"), "liac-arff", version("liac-arff"))
head = "@relation rows\n@attribute x numeric\n@attribute label {no, yes}\n@data\n"
for name, lines in (("a weight", "1.5,yes,{5}\n2.5,no,{1}\n"), ("a value too many", "1.5,yes,7\n2.5,no,8\n")):
    data, attributes = loadarff(io.StringIO(head + lines))
    try:
        other = arff.loads(head + lines)["data"]
    except arff.ArffException as error:
        other = type(error).__name__
    print(f"{name}: scipy {data.tolist()}, liac-arff {other}")
    assert data.tolist() == [(1.5, b"yes"), (2.5, b"no")] and attributes.names() == ["x", "label"]
PYTHON
