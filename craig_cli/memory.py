"""How much memory there is."""

from __future__ import annotations

from pathlib import Path


def available_memory() -> float:
    """Bytes that this process may still take: what the machine has free, or less where a container sets a limit."""
    free = float("inf")
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = 1024.0 * int(line.split()[1])
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            free = min(free, float(limit) - used)
    except (OSError, ValueError):
        pass  # not Linux, or no such files: no limit is known
    return free
