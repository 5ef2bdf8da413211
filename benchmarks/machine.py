"""What a figure was measured on: processor, versions, and which peers are installed. No host names, no paths."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """A library that we are compared with: how it is imported, and under which name it is installed."""

    module: str
    distribution: str


PEERS: dict[str, Peer] = {
    "micrograd": Peer("micrograd", "micrograd"),
    "torch": Peer("torch", "torch"),
    "autograd": Peer("autograd", "autograd"),
    "mygrad": Peer("mygrad", "mygrad"),
    "jax": Peer("jax", "jax"),
    "casadi": Peer("casadi", "casadi"),
    "ddx": Peer("ddx", "ddx-ad"),
}


def installed(name: str) -> bool:
    """Whether the peer can be imported; it is not imported to find out."""
    return importlib.util.find_spec(PEERS[name].module) is not None


def choose(wanted: list[str] | None) -> tuple[list[str], list[str]]:
    """The peers to run, and those left out because they are not installed. `wanted=None` asks for all of them."""
    names = list(PEERS) if wanted is None else wanted
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise ValueError(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    return [name for name in names if installed(name)], [name for name in names if not installed(name)]


def processor() -> str:
    """The processor's name as the operating system states it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe(peers: list[str]) -> dict[str, object]:
    """The machine and the versions, as they are written above the results."""
    versions = {"python": platform.python_version(), "numpy": importlib.metadata.version("numpy")}
    for name in peers:
        try:
            versions[name] = importlib.metadata.version(PEERS[name].distribution)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "versions": versions,
    }
