"""Whole programs, one file each, on the public API alone: `python -m autograd_mini gallery NAME`."""

ENTRIES = {  # the name of each file, and what it shows
    "oscillator": "a network that solves u'' + u = 0: a loss made of derivatives with respect to the input",
}
