"""A contender in a process of its own, and how to talk to it: one line of JSON asks, one answers.

The scalar engines need this: micrograd's reference cycles make the collector slow everything in its process.
`Worker` is the side that asks. Run as `python -m benchmarks.workers MODULE:FACTORY ARGUMENTS`, this file is the side
that answers: it calls `FACTORY(**ARGUMENTS)` once and then whichever methods of the result it is asked for.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.harness import Effort, interleave

ROOT = Path(__file__).resolve().parent.parent


class WorkerError(RuntimeError):
    """The contender raised, or its process ended; the text says which contender and what it said."""


class Worker:
    """A process that holds one contender; `call` runs a method of it there. Use as a context manager."""

    def __init__(self, name: str, factory: str, **arguments: Any) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers", factory, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout

    def call(self, method: str, **arguments: Any) -> Any:
        """What `method(**arguments)` returned over there; raises `WorkerError` if it raised."""
        try:
            self.questions.write(json.dumps([method, arguments]) + "\n")
            self.questions.flush()
            line = self.answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"{self.name}: its process ended, with status {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        with suppress(BrokenPipeError):
            self.questions.close()
        self.process.wait()
        self.answers.close()


def start(stack: ExitStack, workers: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Worker]:
    """A running `Worker` for each name → (factory, arguments); `stack` ends them."""
    running = {}
    for name, (factory, arguments) in workers.items():
        running[name] = stack.enter_context(Worker(name, factory, **arguments))
    return running


def race(
    workers: dict[str, Worker], calls: dict[str, int], collector: bool, effort: Effort
) -> dict[str, list[float]]:
    """What each worker's `time(calls, collector)` says, round by round in turn."""
    rounds = {}
    for name, worker in workers.items():
        rounds[name] = partial(worker.call, "time", calls=calls[name], collector=collector)
    return interleave(rounds, effort.rounds, effort.warmups)


def serve(factory: str, arguments: dict[str, Any]) -> None:
    """Answer until the asking side closes its end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes to the error stream, not among the answers
    module, _, attribute = factory.partition(":")
    contender: Any = None
    for line in sys.stdin:
        method, options = json.loads(line)
        try:
            if contender is None:
                contender = getattr(importlib.import_module(module), attribute)(**arguments)
            reply = {"result": getattr(contender, method)(**options)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]))
