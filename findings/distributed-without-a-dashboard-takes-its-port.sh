#!/usr/bin/env bash
# distributed 2026.8.0: LocalCluster(dashboard_address=None) starts an HTTP server at the dashboard's port all the same.
#
# Guess: None means that there is none, as the documentation says ("Set to None to disable the dashboard"), so that two
# of them on a machine do not meet.
# Seen: the first listens at 8787; the second warns that port 8787 is already in use, which is an error where warnings
# are, as in tests, and listens at another port. scheduler_kwargs={"dashboard_address": "127.0.0.1:0"} is the way out.
# Output seen:
#   distributed 2026.8.0
#   one: port 8787 taken True, warnings 0
#   two: warnings 1
#   with an address of its own: warnings 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check distributed==2026.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import warnings

import distributed
from distributed import LocalCluster

print("distributed", distributed.__version__)
small = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}


def started(**more):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cluster = LocalCluster(**small, **more)
    return cluster, sum("8787" in str(each.message) for each in said)


def is_taken(port):
    with socket.socket() as ours:
        return ours.connect_ex(("127.0.0.1", port)) == 0


assert not is_taken(8787), "port 8787 is in use before"
one, told = started()
print(f"one: port 8787 taken {is_taken(8787)}, warnings {told}")
assert is_taken(8787) and told == 0
two, told = started()
print(f"two: warnings {told}")
assert told == 1
three, told = started(scheduler_kwargs={"dashboard_address": "127.0.0.1:0"})
print(f"with an address of its own: warnings {told}")
assert told == 0
for cluster in (three, two, one):
    cluster.close()
PYTHON
