"""Clusters of real processes for the tests: on loopback, without a dashboard, each test under a time limit."""

import contextlib
import signal

import pytest

SECONDS = 300  # that something hangs, not how quick it is
QUIET = {
    "distributed.scheduler.no-workers-timeout": "120s",
    "distributed.scheduler.allowed-failures": 2,
    "distributed.logging.distributed": "critical",
    "distributed.worker.daemon": True,
}


@contextlib.contextmanager
def within(seconds=SECONDS):
    """A time limit for what is inside, in the main thread of a test."""

    def stop(*args):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def cluster(workers=2, memory=0, **settings):
    """A Client of so many workers, each a process with one thread; `memory` in bytes, 0 for no limit."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    with within(), dask.config.set({**QUIET, **settings}):
        options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
        with (
            distributed.LocalCluster(
                host="127.0.0.1", memory_limit=memory, silence_logs=50, **options
            ) as local,
            distributed.Client(local) as client,
        ):
            client.wait_for_workers(workers)
            yield client
