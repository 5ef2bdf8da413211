"""Real parts: the same bits on every scheduler, after deaths of workers too; the right error, and parameters untouched."""

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import chunks
from tests.chunks import losses
from tests.chunks.clusters import SECONDS, cluster, within
from tests.chunks.losses import Deadly, bits_of, squared
from tests.helpers.refusals import refused

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

pytestmark = [
    # Dask's own: a comm that is cut, an event loop that is closed, while workers die
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*resource_tracker:UserWarning"),
]


def arrays(rows=10):
    """X and y in some chunks: more than the sums of one task take."""
    X, y = losses.data()
    return da.from_array(X, chunks=(rows, 3)), da.from_array(y, chunks=(rows, 1))


def here(loss=squared):
    """The bits by the plainest scheduler."""
    with dask.config.set(scheduler="sync"):
        return bits_of(loss, losses.network(), *arrays())


def fitted(X, y, loss=ag.nn.mse, **options):
    """(history, parameters) of a short training."""
    net = losses.network()
    adam = ag.optim.Adam(net.parameters(), lr=0.05)
    metrics = {"l1": mean_error}
    options = {"epochs": 3, "batch_size": 40, "rng": 0, "metrics": metrics, **options}
    history = ag.fit(net, X, y, loss=loss, optimizer=adam, **options)
    return dict(history), [p.data.tobytes() for p in net.parameters()]


def mean_error(prediction, y):
    return np.abs(prediction - y).mean()


def test_the_same_bits_on_every_scheduler_and_after_deaths(tmp_path):
    """Threads, clusters of one process and of two, and where a worker is killed in the middle, lazy or persisted: to the last bit.

    So are a history and the parameters that fit leaves, where a worker is killed during it.
    """
    wanted, trained = here(), fitted(*arrays())
    with within(), dask.config.set(scheduler="threads"):
        assert bits_of(squared, losses.network(), *arrays()) == wanted
    with cluster(1) as client:
        assert bits_of(squared, losses.network(), *arrays()) == wanted
    with cluster(2) as client:
        assert bits_of(squared, losses.network(), *arrays()) == wanted
        replayed = bits_of(squared, losses.network(), *arrays(), compile=True)
        assert np.allclose(np.frombuffer(replayed), np.frombuffer(wanted), rtol=1e-12)
        assert fitted(*arrays()) == trained
        deadly = Deadly(tmp_path / "lazy", 1)
        assert bits_of(deadly.of_model, losses.network(), *arrays()) == wanted
        assert not os.listdir(tmp_path / "lazy"), "nobody died"
        held = client.persist(list(arrays()))
        distributed.wait(held)
        deadly = Deadly(tmp_path / "held", 1)
        assert bits_of(deadly.of_model, losses.network(), *held) == wanted
        assert not os.listdir(tmp_path / "held"), "nobody died"
        assert fitted(*arrays(), loss=Deadly(tmp_path / "fit", 1)) == trained
        assert not os.listdir(tmp_path / "fit"), "nobody died"


@pytest.mark.slow
def test_the_same_bits_in_processes_without_a_cluster():
    """Dask's scheduler of plain processes."""
    with within(), dask.config.set(scheduler="processes", num_workers=2):
        assert bits_of(squared, losses.network(), *arrays()) == here()


def test_a_loss_that_kills_whoever_runs_it(tmp_path):
    """KilledWorker, with what to try; fit leaves the parameters as they were."""
    net = losses.network()
    adam = ag.optim.Adam(net.parameters(), lr=0.05)
    words, before = ("chunks too large", "rechunk"), net.parameters()
    one_death = {"distributed.scheduler.allowed-failures": 0}
    with cluster(1, **one_death), refused(distributed.KilledWorker, *words, unchanged=before):
        ag.fit(net, *arrays(50), loss=Deadly(tmp_path / "all", 9), optimizer=adam, epochs=1)


def raises(prediction, y):
    raise ZeroDivisionError("of the user's own")


class Slow:
    """A loss that says that it runs, by a file, and does not come to an end."""

    def __init__(self, path):
        self.path = path

    def __call__(self, prediction, y):
        self.path.touch()
        time.sleep(2 * SECONDS)

    def interrupt(self):
        """Ctrl-C for this process, as soon as a worker runs it."""
        while not self.path.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)


def test_errors_ctrl_c_and_no_workers(tmp_path, monkeypatch, capsys):
    """A worker's error is its own; Ctrl-C ends fit as ever; without a worker that is said, and a time-out is an error."""
    net = losses.network()
    adam = ag.optim.Adam(net.parameters(), lr=0.05)
    with cluster(1, **{"distributed.scheduler.no-workers-timeout": "2s"}) as client:
        with refused(ZeroDivisionError, "the user's own", "fit: in epoch 1", unchanged=net.parameters()):
            ag.fit(net, *arrays(), loss=raises, optimizer=adam, epochs=1)

        slow = Slow(tmp_path / "runs")
        threading.Thread(target=slow.interrupt, daemon=True).start()
        before = [p.data.tobytes() for p in net.parameters()]
        history = ag.fit(net, *arrays(50), loss=slow, optimizer=adam, epochs=1)
        assert history.stopped == "interrupted"
        assert [p.data.tobytes() for p in net.parameters()] == before

        client.cluster.scale(0)
        while client.nthreads():
            time.sleep(0.05)
        monkeypatch.setattr(chunks, "PATIENCE", 0.3)
        with refused(Exception, "worker", unchanged=net.parameters()):
            ag.fit(net, *arrays(50), loss=ag.nn.mse, optimizer=adam, epochs=1)
    assert (
        "nothing has come for 0.3 s from 0 workers; `dask worker ADDRESS` starts one"
        in capsys.readouterr().err
    )


def without_the_package():
    """Make this worker one that this package was never installed on."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "autograd_mini"]:
        sys.modules[name] = None


def test_a_worker_without_the_package_is_an_error():
    """Compiled or not: nothing falls back in silence, and nothing waits."""
    net = losses.network()
    with cluster(1) as client:
        client.run(without_the_package)
        for asked in (False, True):
            with refused(ImportError, "autograd_mini", unchanged=net.parameters()):
                ag.mean_over(squared, net, *arrays(50), compile=asked)


LIMIT = 500 * 2**20


def made(block_info=None, columns=64):
    """A chunk of data that is made where it is needed, by its place."""
    (low, high), *_ = block_info[None]["array-location"]
    return np.random.default_rng(low).normal(size=(high - low, columns))


def peak():
    """The most memory that this process has had, in bytes; ru_maxrss of a child would begin at what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return 1024 * int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0])


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells the peak")
@pytest.mark.parametrize("gigabytes", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_data_larger_than_the_memory_of_the_workers(gigabytes):
    """Two workers of 500 MB go through 1 GiB, and 4 GiB, that is made as it is needed; none comes to its limit."""
    chunk = 32 * 2**20 // (8 * 64)  # rows in 32 MiB
    rows = gigabytes * 32 * chunk
    X = da.map_blocks(made, chunks=((chunk,) * (rows // chunk), 64), dtype=float)
    net = ag.nn.MLP([64, 8, 1], activation="tanh", rng=0)
    with cluster(2, memory=LIMIT) as client:
        loss = ag.mean_over(lambda m, x: (m(x) ** 2).mean(), net, X)
        loss.backward()
        peaks = client.run(peak)
    assert np.isfinite(net.parameters()[0].grad).all()
    assert len(peaks) == 2, "a worker died"
    assert max(peaks.values()) < LIMIT, peaks
