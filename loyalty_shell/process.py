"""What the machine says of this process, under the names that Prometheus' own clients use."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from loyalty_shell.exposition import Family, gauge, total

_SELF = Path("/proc/self")


def of_process() -> list[Family]:
    """Return the process's memory, processor time, start and open files; nothing where there is no /proc."""
    try:
        fields = (_SELF / "stat").read_text("ascii").rpartition(")")[2].split()
        boot_s = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text("ascii").splitlines()
            if line.startswith("btime ")
        )
        open_fds = len(list((_SELF / "fd").iterdir()))
    except (OSError, StopIteration):
        return []
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    fds_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return [
        total(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            (int(fields[11]) + int(fields[12])) / ticks,
        ),
        gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            boot_s + int(fields[19]) / ticks,
        ),
        gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", int(fields[20])),
        gauge("process_resident_memory_bytes", "Resident memory size in bytes.", int(fields[21]) * page),
        gauge("process_open_fds", "Number of open file descriptors.", open_fds),
        gauge("process_max_fds", "Maximum number of open file descriptors.", fds_max),
    ]
