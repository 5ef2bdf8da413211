"""Speed and memory of `autograd_mini`, measured beside its peers: `python -m benchmarks eager`.

    machine.py     what ran: processor, versions; which peers are installed
    harness.py     rounds, medians, ratios, agreement: how anything here is timed
    workers.py     a contender in a process of its own
    report.py      rows with their targets; the printed table, the results file, the README table
    problems.py    the training steps that every library is given
    contenders/    one file a library: that training step, as the library's documentation advises
    eager/         the suite `eager`, one file a part
    derivatives/   the suite `derivatives`, likewise
    training/      the suite `training`, likewise
    chunks/        the suite `chunks`: Dask arrays

A new peer is one line in `machine.PEERS` and, if it trains, one file in `contenders/`.
A new suite is one module with `PARTS` (see `eager/__init__.py`) and its name in `__main__.SUITES`.
"""

import os

# One thread for everybody. BLAS reads these when numpy is first imported, hence here, before anything else is.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"
