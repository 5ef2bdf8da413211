"""The suite `chunks`: what Dask arrays cost beside the same data in memory, how workers share them, and how much memory they take."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.harness import Effort, agree, collected, interleave
from benchmarks.problems import Array
from benchmarks.report import Row, Target, alone, versus

FEATURES = 784
TOLERANCE = 1e-12


def made(block_info: Any = None) -> Array:
    """A chunk of data, made where it is needed."""
    (low, high), *_ = block_info[None]["array-location"]
    return np.random.default_rng(low).normal(size=(high - low, FEATURES))


def lazy(rows: int, chunks: int) -> Any:
    """So many chunks of so many rows, which nobody holds."""
    import dask.array as da

    return da.map_blocks(made, chunks=((rows,) * chunks, FEATURES), dtype=float)


def network() -> Any:
    return ag.nn.MLP([FEATURES, 200, 10], activation="sigmoid", rng=0)


def loss(model: Any, x: Any) -> Any:
    return (model(x) ** 2).mean()


def gradients(model: Any, evaluated: Callable[[], Any]) -> list[Array]:
    """The gradients of a loss, as arrays."""
    for parameter in model.parameters():
        parameter.zero_grad()
    evaluated().backward()
    return [parameter.grad for parameter in model.parameters()]


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A Client of so many processes on this machine; a worker begins with a chunk when it has done the last, as the how-to page says."""
    import dask
    from distributed import Client, LocalCluster

    options = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        "silence_logs": 50,
    }
    saturation = dask.config.set({"distributed.scheduler.worker-saturation": 1.0})
    with saturation, LocalCluster(host="127.0.0.1", **options) as local, Client(local) as client:
        client.wait_for_workers(workers)
        yield client


def overhead(effort: Effort, peers: list[str]) -> list[Row]:
    """The gradient of a whole batch by Dask's threads, chunk by chunk, beside the same in memory."""
    import dask

    rows, count = (64, 4) if effort.quick else (4096, 8)
    X = lazy(rows, count).persist(scheduler="threads")
    whole, net = X.compute(scheduler="threads"), network()
    works = {
        "ours": lambda: gradients(net, lambda: ag.mean_over(loss, net, X)),
        "memory": lambda: gradients(net, lambda: loss(net, whole)),
    }
    with dask.config.set(scheduler="threads", num_workers=2):
        agree("mean_over", works["ours"](), works["memory"](), TOLERANCE)
        turns = {name: collected(work, 1) for name, work in works.items()}
        times = interleave(turns, effort.rounds, effort.warmups)
    each = statistics.median(times["memory"]) / count
    title = f"gradient of 784-200-10, {count} chunks of {rows} rows ({each:.2g} s each)"
    target = Target(1.1, "≤ 1.1")
    ours = f"mean_over, threads of Dask {dask.__version__}"
    return [versus(title, ours, times["ours"], "the same in memory", times["memory"], target)]


def spent() -> float:
    """Seconds of processor time that this process has taken."""
    return time.process_time()


def balance(effort: Effort, peers: list[str]) -> list[Row]:
    """How two workers share the arithmetic: processor time of the busier one beside that of both."""
    rows, count, rounds = (64, 4, 1) if effort.quick else (4096, 16, 3)
    X, net = lazy(rows, count), network()
    busier, both = [], []
    with cluster(2) as client:
        ag.mean_over(loss, net, X)  # warm
        for _ in range(rounds):
            before = client.run(spent)
            ag.mean_over(loss, net, X)
            times = [now - before[worker] for worker, now in client.run(spent).items()]
            busier.append(max(times))
            both.append(sum(times))
    title = f"the same, {count} chunks made by two workers"
    return [versus(title, "the busier worker", busier, "both", both, Target(0.55, "≤ 0.55"))]


def peak() -> int:
    """The most memory that this process has had, in bytes; ru_maxrss of a child would begin at what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return 1024 * int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0])


def memory(effort: Effort, peers: list[str]) -> list[Row]:
    """The peak of a worker that goes through data of many chunks."""
    if not Path("/proc/self/status").exists():
        print("chunks: memory is left out: only Linux tells the peak of a process", file=sys.stderr)
        return []
    rows, count = (64, 4) if effort.quick else (8192, 40)
    chunk = rows * FEATURES * 8
    X, net = lazy(rows, count), network()
    with cluster(2) as client:
        gradients(net, lambda: ag.mean_over(loss, net, X))
        most = max(client.run(peak).values())
    title = f"peak memory of a worker, {count} chunks of {chunk / 2**20:.0f} MiB"
    limit = Target(3 * chunk + 150e6, "≤ 3 chunks + 150 MB")
    return [alone(title, "mean_over", most, "B", target=limit)]


def with_dask(part: Callable[[Effort, list[str]], list[Row]]) -> Callable[[Effort, list[str]], list[Row]]:
    """The part, or no rows where Dask is not installed."""

    @functools.wraps(part)
    def run(effort: Effort, peers: list[str]) -> list[Row]:
        if importlib.util.find_spec("distributed") is None:
            print(f"chunks: {part.__name__} is left out, for Dask is not installed", file=sys.stderr)
            return []
        os.environ["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, sys.path)))  # for the workers
        return part(effort, peers)

    return run


# name of the part → what runs it: (effort, names of the installed peers) → rows. It raises Disagreement before timing.
PARTS = {part.__name__: with_dask(part) for part in (overhead, balance, memory)}
