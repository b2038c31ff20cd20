#!/usr/bin/env bash
# distributed 2026.8.0: wait and as_completed find no client for the futures of a client that is not the default one.
#
# Guess: a future knows the client that made it, so that wait(futures) and as_completed(futures) wait on that, as
# future.result() and client.gather(futures) do.
# Seen: after Client(set_as_default=False), which a library makes to leave its user's client alone, both raise "No
# clients found". Where the user has a client, they take that, and so the library works with a user who has one and
# fails with one who has not. "with client.as_current():" around them is the way out.
# Output seen:
#   distributed 2026.8.0
#   future.result() 32, client.gather [32]
#   wait: No clients found; as_current: 1 done
#   as_completed: No clients found; as_current: [32]
#   wait, another client the default: 1 done
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check distributed==2026.8.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import distributed
from distributed import Client, LocalCluster, as_completed, wait

print("distributed", distributed.__version__)
small = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
with LocalCluster(**small) as cluster, Client(cluster, set_as_default=False) as client:
    future = client.submit(pow, 2, 5)
    print(f"future.result() {future.result()}, client.gather {client.gather([future])}")
    for name, call in (
        ("wait", lambda: f"{len(wait([future], timeout=30).done)} done"),
        ("as_completed", lambda: [each.result() for each in as_completed([future], timeout=30)]),
    ):
        try:
            raise SystemExit(f"{name} works now: {call()}")
        except ValueError as error:
            message = str(error).splitlines()[0]
        with client.as_current():
            print(f"{name}: {message}; as_current: {call()}")
        assert message == "No clients found"
    with LocalCluster(**small) as other, Client(other):
        done = len(wait([future], timeout=30).done)
        print(f"wait, another client the default: {done} done")
        assert done == 1
PYTHON
