#!/usr/bin/env bash
# s3fs 2026.9.0: after ls() of a folder, exists() and info() of files in it answer from that listing, for good.
#
# Guess: exists(path) asks the store (a HEAD request), so that it sees what another process has written or removed; only
# ls() is kept, and what "listings_expiry_time" is for.
# Seen: a file that another process removed still "exists", with its old size; one that it wrote does not. Whoever waits
# for a marker such as _SUCCESS with exists() in a loop, and has listed the folder before, waits in vain. Even cat_file
# of the file that is there raises FileNotFoundError. invalidate_cache() before each question is the way out.
# Output seen (a server of moto 5.2.5 that speaks S3):
#   s3fs 2026.9.0
#   before any ls: removed exists False, new exists True
#   after ls: removed exists True, size 3; new exists False, cat_file: FileNotFoundError
#   after invalidate_cache: removed exists False, new exists True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check s3fs==2026.9.0 "moto[server]==5.2.5"
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging

import s3fs
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
how = {"key": "a", "secret": "b", "endpoint_url": f"http://{host}:{port}"}
ours, other = s3fs.S3FileSystem(**how), s3fs.S3FileSystem(**how, skip_instance_cache=True)
other.mkdir("bucket")


def change(folder):
    other.pipe_file(f"{folder}/removed", b"old")
    if folder != "bucket/unlisted":
        assert ours.ls(folder) == [f"{folder}/removed"]
    other.rm_file(f"{folder}/removed")
    other.pipe_file(f"{folder}/new", b"new")


def there(folder):
    return ours.exists(f"{folder}/removed"), ours.exists(f"{folder}/new")


print("s3fs", s3fs.__version__)
change("bucket/unlisted")
removed, new = there("bucket/unlisted")
print(f"before any ls: removed exists {removed}, new exists {new}")
assert (removed, new) == (False, True)
change("bucket/listed")
removed, new = there("bucket/listed")
size = ours.info("bucket/listed/removed")["size"]
try:
    raised = f"{len(ours.cat_file('bucket/listed/new'))} bytes"
except FileNotFoundError as error:
    raised = type(error).__name__
print(f"after ls: removed exists {removed}, size {size}; new exists {new}, cat_file: {raised}")
assert (removed, new, size, raised) == (True, False, 3, "FileNotFoundError")
ours.invalidate_cache()
assert ours.cat_file("bucket/listed/new") == b"new"
removed, new = there("bucket/listed")
print(f"after invalidate_cache: removed exists {removed}, new exists {new}")
assert (removed, new) == (False, True)
server.stop()
PYTHON
