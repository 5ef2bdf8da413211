"""Whole programs, one file each, on the public API alone: `python -m autograd_mini gallery NAME`."""

ENTRIES = {  # the name of each file (with - for _), and what it shows
    "xor": "XOR by a 2-3-1 network, sample by sample, with every delta of the derivation",
    "overfit": "12288-64-1 on ten images: the recipe that never learns, why, and the one that does",
    "xor-minimal": "XOR by squared error, and how many of ten seeds learn it",
    "digits-softmax-sse": "handwritten digits by softmax and squared error, and the softmax Jacobian",
    "robot-policy": "a policy that steers a robot: a loss cut off from its network, and the repair",
    "rosenbrock": "Adam on Rosenbrock's valley, step for step PyTorch's, and with noise",
    "digits-per-sample": "handwritten digits, a step a sample, cost and accuracy every epoch",
    "xor-no-bias": "XOR without biases, and the update that takes the loss for its derivative",
    "maximise-input": "gradient ascent on the input of a trained network, with and without bounds",
    "two-two-one": "one step of a 2-2-1 network, number by number, its forward in plain NumPy",
    "dynamic-network": "layers added one by one, their shapes, and the derivatives of five activations",
    "input-derivatives": "values and slopes as data: by gradient descent and by a swarm of particles",
    "oscillator": "a network that solves u'' + u = 0: a loss made of derivatives with respect to the input",
}
