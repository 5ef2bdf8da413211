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

STORIES = {  # what the author of each asked, and what was wrong
    "xor": (
        "I am stuck on delta2 and on updating the weights of my XOR network.",
        "The weights were moved by the delta alone, where layerᵀ · delta belongs; * stood for a "
        "matrix product; no bias unit.",
    ),
    "overfit": (
        "To check my backprop I overfit ten images. The loss jumps, comes back and stays. Is backprop wrong?",
        "One gradient was not divided by m; but mended it fails too: the first steps kill most "
        "ReLU units. Centre the pixels.",
    ),
    "xor-minimal": (
        "Is there a small network that learns XOR?",
        "Nothing: here is one, with both biases trained.",
    ),
    "digits-softmax-sse": (
        "My digits stay at a tenth right. Is it the derivative of softmax?",
        "Softmax was taken for a function of one number, p(1 − p); and a sum over all images "
        "makes steps that saturate it.",
    ),
    "robot-policy": (
        "My policy network does not learn to steer the robot.",
        "The loss was computed from detached numbers, so that no parameter was reached; ReLU on "
        "the output kills it as well.",
    ),
    "rosenbrock": (
        "Is my Adam right, and what if the function is noisy?",
        "A line too many, x -= lr · v; apart from it the steps are PyTorch's.",
    ),
    "digits-per-sample": (
        "A step a sample on digits: the accuracy does not rise as it should.",
        "One layer's gradient had the other sign, and values of an earlier step were used in "
        "place of this one's.",
    ),
    "xor-no-bias": (
        "My two-layer XOR network does not converge.",
        "The value of the loss was sent back in place of its derivative.",
    ),
    "maximise-input": (
        "The network is trained. Which input makes its output largest?",
        "Nothing, but that without bounds the ascent leaves the inputs that it was trained on.",
    ),
    "two-two-one": (
        "Are these numbers of one step right?",
        "Nothing: forward, gradients and step are those of the document, on its own lines.",
    ),
    "dynamic-network": (
        "How do I go back through any number of layers?",
        "The squared error was returned in place of its derivative; two of the five activations' "
        "derivatives were wrong.",
    ),
    "input-derivatives": (
        "What is the derivative of a deep network with respect to its inputs, and can I train on slopes?",
        "A chain of Jacobians was replaced by a product of sums, and a layer got its output where "
        "its input belongs.",
    ),
    "oscillator": (
        "Can a network solve a differential equation?",
        "Nothing: the loss is made of derivatives, and is differentiated once more.",
    ),
}
