#!/usr/bin/env bash
# netCDF4 1.7.5: of bytes without a fill value 255 and -127 come back as missing.
#
# Guess: the netCDF conventions have no fill value for bytes unless a file names one, since all 256 values are in use:
# pixels and embeddings of 8 bits come back as they were.
# Seen: variable[:] is a masked array as soon as a 255 is among unsigned bytes, or a -127 among signed ones (so -32767
# of 16 bits, 65535, and others). Its data are right, and so is numpy.asarray, but means, sums and differences leave
# these numbers out: the white pixels of an image, the largest entries of an embedding that was rounded to -127 ... 127,
# a class of that number. Distances are too small, and another row is nearest. set_auto_mask(False) and fill_value=False
# in createVariable keep all.
# Output seen:
#   netCDF4 1.7.5.1.post1
#   u1: missing [255], mean 127.00, of all 127.50
#   i1: missing [-127], mean -0.00, of all -0.50
#   whole: missing [], mean 127.50, of all 127.50
#   nearest to row 0, as read: row 1
#   nearest to row 0, of all values: row 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check netCDF4==1.7.5.1.post1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import netCDF4
import numpy as np

print("netCDF4", netCDF4.__version__)
with netCDF4.Dataset("bytes.nc", "w") as file:
    file.createDimension("row", 256)
    for kind, start in (("u1", 0), ("i1", -128)):
        file.createVariable(kind, kind, ("row",))[:] = np.arange(start, start + 256).astype(kind)
    file.createVariable("whole", "u1", ("row",), fill_value=False)[:] = np.arange(256, dtype="u1")
    file.createDimension("column", 4)
    rows = np.array([[0, 0, 0, 9], [255, 0, 0, 0], [0, 10, 0, 9]] + [[200] * 4] * 253, "u1")
    file.createVariable("rows", "u1", ("row", "column"))[:] = rows
with netCDF4.Dataset("bytes.nc") as file:
    for kind, missing in (("u1", [255]), ("i1", [-127]), ("whole", [])):
        values = file[kind][:]
        masked = values.data[np.ma.getmaskarray(values)].tolist()
        print(f"{kind}: missing {masked}, mean {values.mean():.2f}, of all {np.asarray(values).mean():.2f}")
        assert masked == missing
    read = file["rows"][:]
    for name, values in (("as read", read), ("of all values", np.asarray(read))):
        distance = ((values[1:].astype(float) - values[0].astype(float)) ** 2).sum(1)
        print(f"nearest to row 0, {name}: row {int(distance.argmin()) + 1}")
        assert distance.argmin() == (0 if name == "as read" else 1)
PYTHON
