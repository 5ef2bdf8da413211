"""Whole programs, one file each, on the public API alone: `python -m autograd_mini gallery NAME`."""

ENTRIES = (
    "xor", "overfit", "xor-minimal", "digits-softmax-sse", "robot-policy", "rosenbrock", "digits-per-sample",
    "xor-no-bias", "maximise-input", "two-two-one", "dynamic-network", "input-derivatives", "oscillator",
)  # fmt: skip
