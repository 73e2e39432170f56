"""How much memory a process has taken since a moment; works where there is a /proc."""

from pathlib import Path


def now_mb() -> float:
    """Return the resident memory in MiB."""
    return _status("VmRSS")


def restart_peak() -> None:
    """Forget the peak so far."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the largest resident memory in MiB since `restart_peak`."""
    return _status("VmHWM")


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)
