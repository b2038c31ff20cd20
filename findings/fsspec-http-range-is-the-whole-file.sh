#!/usr/bin/env bash
# fsspec 2026.9.0: of an HTTP server without ranges, cat_file(start, end) returns the whole file, whatever was asked.
#
# Guess: where a server passes over "Range:", the bytes asked for are cut out of what comes, or an error says so.
# Seen: Python's own http.server answers 200 with all of the file, and that is what cat_file and cat_ranges give for
# bytes 10 to 20: of the footer of a Parquet file the file's beginning. Nothing is said; only the length tells.
# Output seen:
#   fsspec 2026.9.0
#   cat_file(10, 20): 1000 bytes, 0 1 2 3 4
#   cat_ranges([10, 500], [20, 510]): [1000, 1000] bytes
#   memory file system: [10, 10] bytes, 10 11 12 13 14
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fsspec==2026.9.0 aiohttp==3.14.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import functools
import http.server
import threading

import fsspec

content = bytes(number % 256 for number in range(1000))
with open("rows.bin", "wb") as file:
    file.write(content)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="."))
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/rows.bin"
print("fsspec", fsspec.__version__)
files = fsspec.filesystem("http")
found = files.cat_file(address, start=10, end=20)
print(f"cat_file(10, 20): {len(found)} bytes,", *found[:5])
assert found == content
several = files.cat_ranges([address] * 2, [10, 500], [20, 510])
print(f"cat_ranges([10, 500], [20, 510]): {[len(each) for each in several]} bytes")
assert several == [content, content]
memory = fsspec.filesystem("memory")
memory.pipe_file("/rows.bin", content)
right = memory.cat_ranges(["/rows.bin"] * 2, [10, 500], [20, 510])
print(f"memory file system: {[len(each) for each in right]} bytes,", *right[0][:5])
assert right[0] == content[10:20]
server.shutdown()
PYTHON
