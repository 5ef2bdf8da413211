"""One file a library; each offers `trainers(problem)`: a label and a `Trainer` for each way of writing the step.

Where a library has several advised ways, all are tried and the fastest stands for it.
A peer's file may offer `extra(problem)` besides: ways that get a row of their own, without a target.
"""
