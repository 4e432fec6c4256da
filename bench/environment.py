"""The origin of a record: code version, machine, memory."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from privtalk.core.records import Code

PACKAGES = ("numpy", "torch", "diffusers", "peft", "dp-accounting", "espeakng-loader", "safetensors", "av")
"""The packages whose versions can change a figure."""

_SELF = Path("/proc/self")
_HERE = Path(__file__).resolve()


def code_version() -> Code:
    """Version of the package; commit and dirtiness where it runs from its own git checkout, None elsewhere."""
    version = _version("privtalk-bench")
    if _git(_HERE.parent, "ls-files", "--error-unmatch", _HERE.name) is None:
        return Code(version=version)  # installed, perhaps inside a checkout of something else
    commit, changes = _git(_HERE.parent, "rev-parse", "HEAD"), _git(_HERE.parent, "status", "--porcelain")
    return Code(version=version, commit=commit, dirty=None if changes is None else bool(changes))


def describe_environment(device: str, threads: int) -> dict[str, str]:
    """Machine and versions, as strings."""
    described = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": str(usable_cores()),
        "threads": str(threads),
        "device": device,
    }
    if device.startswith("cuda"):
        described["accelerator"] = _accelerator()
    return described | {name: _version(name) for name in PACKAGES}


def numeric_threads() -> int:
    """Threads that torch computes with in this process."""
    import torch

    return torch.get_num_threads()


def usable_cores() -> int:
    """Cores this process may use (a container's or taskset's limit counts)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """The processor's model, as the operating system names it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def reset_peak_memory() -> None:
    """Start the peak anew, where the system can (Linux); elsewhere the peak is that of the process's life."""
    with suppress(OSError):
        (_SELF / "clear_refs").write_text("5", encoding="ascii")


def peak_memory_mib() -> float:
    """Largest resident size of this process since `reset_peak_memory`, MiB."""
    with suppress(OSError):
        for line in (_SELF / "status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def resident_memory_mib() -> float | None:
    """Resident size of this process now, MiB; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        pages = int((_SELF / "statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20
    return None


def available_memory() -> float | None:
    """MiB that new processes may take: what the system has left, within the container's limit; None where unknown."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError, KeyError):
        group = Path("/sys/fs/cgroup")
        limit, used, stat = (
            (group / name).read_text(encoding="ascii")
            for name in ("memory.max", "memory.current", "memory.stat")
        )
        cached = int(
            dict(line.split() for line in stat.splitlines())["inactive_file"]
        )  # given up when needed
        found.append((int(limit) - int(used) + cached) / 2**20)
    return min(found, default=None)


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command, None where there is no checkout of this very package."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _accelerator() -> str:
    import torch

    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
