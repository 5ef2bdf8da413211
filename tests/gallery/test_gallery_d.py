"""The gallery's small networks, XOR three ways, 2-2-1 by hand and the one that grows: each reaches the outcome that it is there for.

Training on ten seeds is one run of ten networks side by side; that each learns as it would alone is tested against PyTorch.
"""

import re
from itertools import pairwise

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import dynamic_network, two_two_one, xor, xor_minimal, xor_no_bias

torch = pytest.importorskip("torch")


def close(ours, right, rtol=1e-12):
    """Equal in shape, and to rtol relative."""
    assert np.shape(ours) == np.shape(right)
    np.testing.assert_allclose(ours, right, rtol=rtol, atol=0)


def leaves(arrays):
    """The arrays as PyTorch's parameters, float64."""
    return [torch.tensor(np.array(a), dtype=torch.float64, requires_grad=True) for a in arrays]


def seeds_learnt(text):
    """The k of the "k of 10 seeds" that was printed."""
    return int(re.search(r"(\d+) of 10 seeds", text)[1])


# S1


def torch_xor(x, thetas):
    l1 = torch.tensor([[1.0, *x]], dtype=torch.float64)
    z2 = l1 @ thetas[0]
    z3 = torch.cat([torch.ones(1, 1, dtype=torch.float64), torch.sigmoid(z2)], 1) @ thetas[1]
    return z2, z3, torch.sigmoid(z3)


def torch_cross_entropy(l3, y):
    return -(y * torch.log(l3) + (1 - y) * torch.log(1 - l3)).sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("x", "y"), [*zip(xor.INPUTS, xor.LABELS, strict=True)], ids=["00", "10", "01", "11"]
)
def test_s1_gradients_are_those_of_the_derivation(seed, x, y):
    """S1: every delta and weight gradient in the nodes' .grad is the document's, number by number, and PyTorch's (1e-12 relative)."""
    theta1, theta2 = (ag.Tensor(theta) for theta in xor.start(seed))
    n = xor.forward(x, theta1, theta2)
    xor.cross_entropy(n["l3"], y).backward()
    l1, l2, l3 = n["l1"][0], n["l2"].data[0], n["l3"].item()
    delta3 = l3 - y
    delta2 = [delta3 * theta2.data[i + 1, 0] * l2[i + 1] * (1 - l2[i + 1]) for i in range(3)]
    close(n["l3"].grad, [[(l3 - y) / (l3 * (1 - l3))]])
    close(n["z3"].grad, [[delta3]])
    close(n["z2"].grad, [delta2])
    close(theta2.grad, [[delta3], *([delta3 * l2[i]] for i in (1, 2, 3))])
    close(theta1.grad, [[delta2[j] * l1[i] for j in range(3)] for i in range(3)])

    thetas = leaves(xor.start(seed))
    z2, z3, theirs = torch_xor(x, thetas)
    z2.retain_grad(), z3.retain_grad()
    torch_cross_entropy(theirs, y).backward()
    for node, other in ((n["z2"], z2), (n["z3"], z3), (theta1, thetas[0]), (theta2, thetas[1])):
        close(node.grad, other.grad.numpy())
    for hand, ours in xor.beside(seed, x, y).values():
        close(ours, hand)


def test_s1_weights_start_as_the_recipe_says():
    """S1: 0.5·√(6 / (fan_in + fan_out))·(U − 0.5), where the bias unit does not count as an input."""
    for theta, fans in zip(zip(*map(xor.start, range(500)), strict=True), (2 + 3, 3 + 1), strict=True):
        bound = 0.25 * np.sqrt(6 / fans)
        assert np.shape(theta[0]) == ((3, 3) if fans == 5 else (4, 1))
        assert 0.99 * bound < np.max(np.abs(theta)) <= bound
        assert abs(np.mean(theta)) < 0.05 * bound


def test_s1_each_network_learns_as_it_would_alone_in_pytorch():
    """S1: 400 steps, one sample each, of networks side by side give each the outputs of PyTorch's SGD on it alone (1e-10 relative)."""
    outputs, losses = xor.learn([0, 7], steps=400)
    total = 0.0
    for seed, ours in zip([0, 7], outputs, strict=True):
        thetas = leaves(xor.start(seed))
        sgd = torch.optim.SGD(thetas, lr=0.1)
        for step in range(400):
            loss = torch_cross_entropy(torch_xor(xor.INPUTS[step % 4], thetas)[2], xor.LABELS[step % 4])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        close(ours, [torch_xor(x, thetas)[2].item() for x in xor.INPUTS], rtol=1e-10)
        total += loss.item()
    close(losses, [total / 2], rtol=1e-10)


def test_s1_learns_xor_and_prints_the_truth_table(capsys, tmp_path):
    """S1: ≥ 9 of 10 seeds learn XOR within 40,000 steps; the table shows 0, 1, 1, 0, the derivation agrees, the curve is drawn."""
    pytest.importorskip("matplotlib")
    assert xor.main(plot=str(tmp_path / "xor.png")) == 0
    text = capsys.readouterr().out
    table = {key: float(p) for key, p in re.findall(r"(\d xor \d) = ([\d.]+)", text)}
    assert list(table) == ["0 xor 0", "1 xor 0", "0 xor 1", "1 xor 1"]
    assert [round(p) for p in table.values()] == [0, 1, 1, 0]
    assert max(abs(p - y) for p, y in zip(table.values(), (0, 1, 1, 0), strict=True)) < 0.02
    assert seeds_learnt(text) >= 9
    assert "equal to 1e-12: True" in text
    assert all(f"   {name}" in text for name in ("delta3", "delta2", "theta2d", "theta1d"))
    assert (tmp_path / "xor.png").stat().st_size > 1000


def test_s1_fails_where_xor_is_not_learnt(monkeypatch, capsys):
    """S1: the exit status is 1, and the number is reported, where the networks have not learnt."""
    learn = xor.learn
    monkeypatch.setattr(xor, "learn", lambda seeds: learn(seeds, steps=400))
    assert xor.main() == 1
    assert seeds_learnt(capsys.readouterr().out) == 0


# S3


def test_s3_each_network_learns_as_it_would_alone_in_pytorch():
    """S3: after 300 epochs the parameters are those of PyTorch's SGD on each network alone (1e-10 relative)."""
    params, _ = xor_minimal.learn([0, 3], epochs=300)
    X, T = torch.tensor(xor_minimal.INPUTS), torch.tensor(xor_minimal.TARGETS)
    for i, seed in enumerate([0, 3]):
        W1, b1, W2, b2 = theirs = leaves(xor_minimal.start(seed))
        sgd = torch.optim.SGD(theirs, lr=0.1)
        for _ in range(300 + 1):
            loss = 0.5 * ((torch.sigmoid(torch.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2).sum()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        for ours, other in zip(params, theirs, strict=True):
            close(ours.data[i], other.detach().numpy(), rtol=1e-10)


def test_s3_learns_xor_with_both_biases_trained(capsys, monkeypatch):
    """S3: mean absolute error < 0.05 for ≥ 9 of 10 seeds within 50,000 epochs; every bias has moved, and each its own way."""
    runs, learn = [], xor_minimal.learn
    monkeypatch.setattr(xor_minimal, "learn", lambda seeds: runs.append(learn(seeds)) or runs[0])
    assert xor_minimal.main() == 0
    assert seeds_learnt(capsys.readouterr().out) >= 9
    params, errors = runs[0]
    W1, b1, W2, b2 = (param.data for param in params)
    outputs = 1 / (1 + np.exp(-(1 / (1 + np.exp(-(xor_minimal.INPUTS @ W1 + b1)))) @ W2 - b2))
    assert np.sum(np.abs(outputs - xor_minimal.TARGETS).mean(axis=(1, 2)) < 0.05) >= 9
    assert len(errors) <= 51
    assert b1.shape == (10, 1, 3)
    assert b2.shape == (10, 1, 1)
    starts = [xor_minimal.start(seed) for seed in range(10)]
    assert np.min(np.abs(b1 - np.stack([start[1] for start in starts]))) > 1e-3
    assert np.min(np.abs(b2 - np.stack([start[3] for start in starts]))) > 1e-3
    assert np.min(np.ptp(b1, axis=-1)) > 0.1


def test_s3_fails_where_xor_is_not_learnt(monkeypatch, capsys):
    """S3: the exit status is 1, and the number is reported, where the networks have not learnt."""
    learn = xor_minimal.learn
    monkeypatch.setattr(xor_minimal, "learn", lambda seeds: learn(seeds, epochs=10))
    assert xor_minimal.main() == 1
    assert seeds_learnt(capsys.readouterr().out) == 0


# S8


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s8_the_right_update_is_pytorchs_and_the_posted_ones_are_what_they_are_called(seed):
    """S8: by hand with the derivative = engine = PyTorch; the loss value sends one number back; times the loss is a constant factor."""
    weights = xor_no_bias.start(seed)
    engine, hand = xor_no_bias.by_engine(weights), xor_no_bias.by_hand(weights, "derivative")
    W1, W2 = leaves(weights)
    p = torch.sigmoid(torch.sigmoid(torch.tensor(xor_no_bias.INPUTS) @ W1) @ W2)
    p.retain_grad()
    loss = 0.5 * ((p - torch.tensor(xor_no_bias.TARGETS)) ** 2).sum()
    loss.backward()
    for ours, mine, theirs in zip(engine, hand, (p, W1, W2), strict=True):
        close(ours, theirs.grad.numpy(), rtol=1e-11)
        close(mine, theirs.grad.numpy(), rtol=1e-11)

    signal, dW1, dW2 = xor_no_bias.by_hand(weights, "loss value")
    close(signal, np.full((4, 1), 2 * loss.item()))
    assert np.min(dW2) > 0
    assert np.min(engine[0]) < 0 < np.max(engine[0])
    ratios = dW1 / engine[1]
    assert np.max(ratios) > 1.2 * np.min(ratios)

    for ours, posted in zip(engine, xor_no_bias.by_hand(weights, "derivative × loss"), strict=True):
        close(posted, ours * loss.item(), rtol=1e-11)


def test_s8_learns_xor_and_names_the_mistakes(capsys):
    """S8: ≥ 9 of 10 seeds learn XOR in 10,000 epochs; the loss value as signal drives all outputs to 0; both mistakes are said."""
    assert xor_no_bias.main() == 0
    text = capsys.readouterr().out
    assert seeds_learnt(text) >= 9
    assert "the loss itself is sent back in place of its derivative" in text
    assert "the derivative is multiplied by the loss value" in text
    ends = {
        version: [float(p) for p in numbers.split()]
        for version, numbers in re.findall(r"   (.+?) +00, .* epochs: (.+)", text)
    }
    assert list(ends) == list(xor_no_bias.SIGNALS)
    assert np.max(np.abs(np.array(ends["derivative"]) - [0, 1, 1, 0])) < 0.1
    assert np.max(ends["loss value"]) < 0.01
    assert 0.1 < np.max(np.abs(np.array(ends["derivative × loss"]) - [0, 1, 1, 0])) < 0.3


def test_s8_fails_where_xor_is_not_learnt(monkeypatch, capsys):
    """S8: the exit status is 1, and the number is reported, where the networks have not learnt."""
    learn, follow = xor_no_bias.learn, xor_no_bias.follow
    monkeypatch.setattr(xor_no_bias, "learn", lambda seeds: learn(seeds, epochs=10))
    monkeypatch.setattr(xor_no_bias, "follow", lambda seed, version: follow(seed, version, epochs=10))
    assert xor_no_bias.main() == 1
    assert seeds_learnt(capsys.readouterr().out) == 0


# S10


@pytest.mark.parametrize("way", [two_two_one.by_hand, two_two_one.by_engine], ids=["by hand", "engine"])
def test_s10_every_known_number_comes_out(way):
    """S10: y, the loss, dW2, dW1 and W1 − dW1 to the digits that the document prints."""
    known = {
        "y": (0.69028349, 5e-9),
        "loss": (0.01810390, 5e-9),
        "dW2": ([[0.02767403], [0.02700164]], 5e-9),
        "dW1": ([[0.000929, 0.002860], [0.002389, 0.007354]], 5e-7),
        "W1 − dW1": ([[0.099071, 0.397140], [0.797611, 0.592646]], 5e-7),
    }
    results = way()
    assert list(results) == list(known)
    for name, (numbers, half_a_digit) in known.items():
        np.testing.assert_allclose(
            np.asarray(results[name]),
            np.broadcast_to(numbers, results[name].shape),
            rtol=0,
            atol=half_a_digit,
        )


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_s10_the_same_numpy_forward_runs_on_tensors_and_is_pytorchs():
    """S10: the one forward pass gives matrices of matrices, and Tensors of Tensors; the gradients are PyTorch's to 1e-12 relative."""
    x, W1, W2 = np.matrix(two_two_one.A0), np.matrix(two_two_one.W1), two_two_one.W2
    plain, nodes = two_two_one.forward(x, W1, W2), two_two_one.forward(x, ag.Tensor(W1), ag.Tensor(W2))
    assert [type(y) for y in plain] == [np.matrix] * 4
    assert [type(y) for y in nodes] == [ag.Tensor] * 4
    for array, node in zip(plain, nodes, strict=True):
        close(node.data, np.asarray(array), rtol=1e-15)

    W1, W2 = leaves([two_two_one.W1, two_two_one.W2])
    y = torch.sigmoid(torch.sigmoid(torch.tensor([[0.35, 0.9]], dtype=torch.float64) @ W1) @ W2)
    (0.5 * (y - 0.5) ** 2).sum().backward()
    ours = two_two_one.by_engine()
    close(ours["dW1"], W1.grad.numpy())
    close(ours["dW2"], W2.grad.numpy())


def test_s10_prints_and_draws(capsys, tmp_path):
    """S10: main prints every result and draws the descent, which starts at the known loss and only falls."""
    pytest.importorskip("matplotlib")
    assert two_two_one.main(plot=str(tmp_path / "loss.svg")) == 0
    text = capsys.readouterr().out
    assert all(
        number in text for number in ("0.69028349", "0.01810390", "0.02767403", "0.007354", "0.592646")
    )
    assert (tmp_path / "loss.svg").stat().st_size > 1000
    losses = two_two_one.descent()
    assert losses == sorted(losses, reverse=True)
    assert abs(losses[0] - 0.01810390) < 5e-9
    assert losses[-1] < 1e-4


def test_s10_fails_where_the_numbers_differ(monkeypatch):
    """S10: the exit status is 1 when the network is another one."""
    monkeypatch.setattr(two_two_one, "W2", np.array([[0.3], [0.8]]))
    assert two_two_one.main() == 1


# S11

TORCH = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, -1),
    "linear": lambda z: z,
}


def test_s11_grows_any_number_of_layers_and_prints_their_shapes(capsys):
    """S11: each added layer's input, weight and output shape is printed, and is what the arrays have."""
    model = dynamic_network.Model(dynamic_network.X, rng=0)
    sizes, names = [2, 7, 6, 5, 4, 3, 1], [*dynamic_network.ACTIVATIONS, "tanh"]
    for n, name in zip(sizes[1:], names, strict=True):
        model.add(n, name)
    shapes = [
        [eval(shape) for shape in re.findall(r"\(.+?\)", line)]
        for line in capsys.readouterr().out.splitlines()
    ]
    assert shapes == [[(3, m), (m, n), (3, n)] for m, n in pairwise(sizes)]
    assert model(dynamic_network.X).shape == (3, 1)
    assert [p.shape for p in model.parameters()] == [
        shape for m, n in pairwise(sizes) for shape in ((m, n), (n,))
    ]
    spread = dynamic_network.Model(dynamic_network.X, rng=0, spread=1e-3)
    spread.add(500, "linear")
    assert 0.99e-3 < np.max(np.abs(spread.parameters()[0].data)) <= 1e-3
    assert not np.any(spread.parameters()[1].data)


def test_s11_gradients_of_all_five_activations_are_pytorchs():
    """S11: in a network of relu, sigmoid, tanh, softmax and linear layers every gradient is PyTorch's to 1e-10 relative."""
    X, Y = dynamic_network.X, dynamic_network.Y
    model = dynamic_network.Model(X, rng=1)
    for n, name in ((8, "relu"), (7, "sigmoid"), (6, "tanh"), (5, "softmax"), (1, "linear")):
        model.add(n, name)
    ag.nn.mse(model(X), Y).backward()
    theirs, x = leaves([p.data for p in model.parameters()]), torch.tensor(X)
    for i, f in enumerate(TORCH.values()):
        x = f(x @ theirs[2 * i] + theirs[2 * i + 1])
    torch.nn.functional.mse_loss(x, torch.tensor(Y)).backward()
    for ours, other in zip(model.parameters(), theirs, strict=True):
        scale = np.max(np.abs(other.grad.numpy()))
        np.testing.assert_allclose(ours.grad, other.grad.numpy(), rtol=1e-10, atol=1e-13 * scale)


@pytest.mark.parametrize(
    ("name", "right"),
    [("relu", True), ("sigmoid", True), ("tanh", False), ("softmax", False), ("linear", True)],
)
def test_s11_the_wrong_derivatives_are_found(name, right):
    """S11: of the five posted derivatives just tanh's and softmax's are wrong; what they are held against is PyTorch's."""
    z = np.array([-1.7, -0.3, 0.4, 2.1])
    posted, engine, fits = dynamic_network.check(name, z)
    J = torch.autograd.functional.jacobian(TORCH[name], torch.tensor(z)).numpy()
    np.testing.assert_allclose(engine, J if name == "softmax" else np.diag(J), rtol=1e-12, atol=1e-16)
    assert fits is right
    assert bool(np.allclose(posted, engine)) is right


def test_s11_what_is_said_of_the_wrong_ones_is_true():
    """S11: (cosh² − sinh²)/cosh² is tanh′; output − target is (cross-entropy after softmax)′; diag(p) − p pᵀ is softmax's."""
    z = np.array([-1.7, -0.3, 0.4, 2.1])
    close((np.cosh(z) ** 2 - np.sinh(z) ** 2) / np.cosh(z) ** 2, ag.derivative(ag.tanh)(z), rtol=1e-9)
    close(dynamic_network.POSTED["softmax"](z), ag.grad(lambda z: ag.nn.cross_entropy(z, 0))(z))
    p = ag.softmax(z)
    close(np.diag(p) - np.outer(p, p), ag.jacobian(ag.softmax)(z), rtol=1e-10)


def test_s11_fits_the_data_with_a_suitable_output(capsys, monkeypatch):
    """S11: linear and tanh outputs fit to mean squared error < 1e-3; no relu, sigmoid or softmax can; the wrong derivatives are named."""
    fits, fit = {}, dynamic_network.fit

    def kept(layers, *args, **kwargs):
        fits[tuple(name for _, name in layers)] = losses = fit(layers, *args, **kwargs)
        return losses

    monkeypatch.setattr(dynamic_network, "fit", kept)
    assert dynamic_network.main() == 0
    text = capsys.readouterr().out
    ends = {names: losses[-1] for names, losses in fits.items()}
    assert ends["sigmoid", "linear"] < 1e-3
    assert ends["sigmoid", "tanh"] < 1e-3
    assert ends["relu", "sigmoid", "tanh", "softmax", "linear"] < 1e-3
    assert min(ends["sigmoid", "relu"], ends["sigmoid", "sigmoid"], ends["sigmoid", "softmax"]) > 1 / 3 - 1e-9
    assert re.findall(r"(\w+)′ .*\n +WRONG", text) == ["tanh", "softmax"]
    assert "the squared error, in place of its derivative [[-0.333  0.333  1.   ]]" in text


@pytest.mark.parametrize("seed", range(1, 5))
def test_s11_fits_from_other_seeds(seed, capsys):
    """S11: the posted network with a linear output fits from the posted small weights, whatever the seed (four more of them)."""
    assert dynamic_network.fit([(3, "sigmoid"), (1, "linear")], seed)[-1] < 1e-3


def test_s11_fails_where_the_data_are_not_fitted(monkeypatch, capsys):
    """S11: the exit status is 1 where training does not get there."""
    fit = dynamic_network.fit
    monkeypatch.setattr(
        dynamic_network, "fit", lambda layers, seed, spread=1e-3: fit(layers, seed, spread, epochs=2)
    )
    assert dynamic_network.main() == 1
