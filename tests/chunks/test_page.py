"""docs/how-to/larger-than-memory.md: its blocks print what they say, its commands start a cluster that computes the same."""

import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest

import autograd_mini as ag
from tests.chunks import losses
from tests.chunks.clusters import within
from tests.chunks.losses import bits_of, squared
from tests.helpers.processes import ROOT, environment, run_script
from tests.project.test_readme import blocks_of, expected

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

PAGE = (ROOT / "docs" / "how-to" / "larger-than-memory.md").read_text(encoding="utf8")


def test_the_page_as_a_script(tmp_path):
    """All blocks in order, in a process of their own, print what stands in their comments."""
    blocks = blocks_of(PAGE)
    assert len(blocks) >= 5
    body = "\n".join(blocks).replace("\n", "\n    ")
    done = run_script(f"if __name__ == '__main__':\n    {body}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [line for block in blocks for line in expected(block)]


def commands():
    """The commands of the page that start a cluster, as `python -m dask …`."""
    found = re.findall(r"^    (dask (?:scheduler|worker) .*)$", PAGE, re.MULTILINE)
    assert len(found) == 2
    return [[sys.executable, "-m", *shlex.split(command)] for command in found]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
def test_the_commands_start_a_cluster(tmp_path):
    """`dask scheduler` and two times `dask worker`, on loopback: the bits of threads."""
    scheduler, worker = commands()
    file = tmp_path / "scheduler.json"
    scheduler[scheduler.index("8786")] = "0"
    scheduler += ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    X, y = (da.from_array(x, chunks=(10, x.shape[1])) for x in losses.data())
    wanted = bits_of(squared, losses.network(), X, y)
    options = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": tmp_path,
        "env": environment(),
    }
    running = []
    with within():
        try:
            running.append(subprocess.Popen(scheduler, **options))
            while not file.exists():
                assert running[0].poll() is None
                time.sleep(0.05)
            with distributed.Client(scheduler_file=str(file)) as client:
                address = client.scheduler.address
                own = [part.replace("tcp://SCHEDULER:8786", address) for part in worker]
                running += [subprocess.Popen([*own, "--no-dashboard"], **options) for _ in range(2)]
                client.wait_for_workers(2)
                assert bits_of(squared, losses.network(), X, y) == wanted
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                process.wait()
    assert np.isfinite(ag.mean_over(squared, losses.network(), X, y).item())
