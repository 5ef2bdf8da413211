"""The mistakes of the seed documents, given as arrays: each is named, and the line shown gives the right gradient."""

import numpy as np
import pytest

import autograd_mini as ag
from tests.check.networks import sigma, softmax
from tests.check.test_mistakes import check_lines, found

pytestmark = pytest.mark.usefixtures("patience")

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGET = np.array([[0.0], [1.0], [1.0], [0.0]])


def sample(cross_entropy=True):
    """000: a 2-3-1 network on one sample, the bias unit a column of ones beside the layer."""
    rng = np.random.default_rng(3)
    x, y = np.array([[1.0, 1.0, 0.0]]), 1.0
    t1, t2 = (ag.Tensor(rng.random(s), label=k) for k, s in (("theta1", (3, 3)), ("theta2", (4, 1))))
    hidden = ag.sigmoid(x @ t1)
    l2 = ag.concatenate([np.ones((1, 1)), hidden], axis=1)
    z3 = l2 @ t2
    hidden.label, l2.label, z3.label = "hidden", "l2", "z3"
    l3 = ag.sigmoid(z3)
    l3.label = "l3"
    loss = (
        -(y * np.log(l3) + (1 - y) * np.log(1 - l3)).sum() if cross_entropy else 0.5 * ((l3 - y) ** 2).sum()
    )
    d3 = l3.data - y
    d2 = (d3 @ t2.data.T * l2.data * (1 - l2.data))[:, 1:]
    return {"loss": loss, "t1": t1, "t2": t2, "x": x, "l2": l2.data, "d3": d3, "d2": d2}


def test_000_weights_updated_with_the_delta_alone():
    """theta2 += lr · delta3, theta1 += lr · delta2: the layer's values are missing."""
    s = sample()
    report = ag.diagnose(
        s["loss"], {s["t2"]: s["d3"] + np.zeros((4, 1)), s["t1"]: s["d2"] + np.zeros((3, 3))}
    )
    assert found(report, "input_missing|wrong_gradient_arrives", "theta2")
    assert found(report, "input_missing|wrong_gradient_arrives", "theta1")
    check_lines(report, s["loss"])


def test_000_both_signs_are_right_and_mixing_them_is_not():
    """y − l3 added everywhere is right; in one layer only it is wrong."""
    s = sample()
    g1, g2 = s["x"].T @ s["d2"], s["l2"].T @ s["d3"]
    assert not ag.diagnose(s["loss"], {s["t1"]: -g1, s["t2"]: -g2}).wrong
    report = ag.diagnose(s["loss"], {s["t1"]: g1, s["t2"]: -g2})
    assert report.wrong == ["theta2"]
    assert found(report, "wrong_sign", "theta2")
    check_lines(report, s["loss"])


def test_000_a_matrix_product_where_elementwise_is_meant():
    """delta2 = theta2 · delta3 summed before it meets the layer's slopes."""
    s = sample()
    d2 = np.full((1, 3), (s["d3"] @ s["t2"].data.T).sum()) * (s["l2"] * (1 - s["l2"]))[:, 1:]
    report = ag.diagnose(s["loss"], {s["t1"]: s["x"].T @ d2, s["t2"]: s["l2"].T @ s["d3"]})
    assert report.wrong == ["theta1"]
    assert found(report, "summed_before_product", "l2"), str(report)
    check_lines(report, s["loss"])


def overfit():
    """001a: columns, ReLU then sigmoid, binary cross-entropy; dW1 alone is not divided by m."""
    rng = np.random.default_rng(1)
    X, Y = rng.random((6, 10)), (rng.random((1, 10)) < 0.5) * 1.0
    N = {
        k: ag.Tensor(rng.normal(size=s) * 0.5, label=k)
        for k, s in {"W1": (4, 6), "b1": (4, 1), "W2": (1, 4), "b2": (1, 1)}.items()
    }
    Z1 = N["W1"] @ X + N["b1"]
    A1 = ag.relu(Z1)
    Z2 = N["W2"] @ A1 + N["b2"]
    AL = ag.sigmoid(Z2)
    Z1.label, A1.label, Z2.label, AL.label = "Z1", "A1", "Z2", "AL"
    loss = (-1 / 10) * (Y * np.log(AL) + (1 - Y) * np.log(1 - AL)).sum()
    d2 = AL.data - Y
    d1 = (N["W2"].data.T @ d2) * (A1.data > 0)
    g = {
        "W2": d2 @ A1.data.T / 10,
        "b2": d2.sum(1, keepdims=True) / 10,
        "W1": d1 @ X.T / 10,
        "b1": d1.sum(1, keepdims=True) / 10,
    }
    return loss, N, g, {"Z2": Z2, "Z1": Z1}, {"Z2": d2, "Z1": d1}, (AL.data, A1.data, X, Y)


def test_001a_one_gradient_is_not_divided_by_m():
    loss, N, g, _, _, _ = overfit()
    report = ag.diagnose(loss, {N[k]: v * 10 if k == "W1" else v for k, v in g.items()})
    assert report.wrong == ["W1"]
    assert report.findings[0].mistake == "not_divided_by_batch"
    check_lines(report, loss)


def test_001a_deltas_before_the_division_are_right():
    """With the deltas as the document keeps them, W1 is still the only one that is wrong."""
    loss, N, g, nodes, deltas, _ = overfit()
    mine = {N[k]: v * 10 if k == "W1" else v for k, v in g.items()} | {nodes[k]: v for k, v in deltas.items()}
    report = ag.diagnose(loss, mine)
    assert report.wrong == ["W1"]
    assert report.findings[0].mistake == "not_divided_by_batch"
    assert "by convention" in str(report)


def test_001a_the_derivative_of_the_activation_given_the_pre_activation():
    loss, N, _, _, _, (AL, A1, X, Y) = overfit()
    z = np.log(AL / (1 - AL))
    d2 = (AL - Y) / (AL * (1 - AL)) * z * (1 - z) / 10
    d1 = (N["W2"].data.T @ d2) * (A1 > 0)
    mine = {"W2": d2 @ A1.T, "b2": d2.sum(1, keepdims=True), "W1": d1 @ X.T, "b1": d1.sum(1, keepdims=True)}
    report = ag.diagnose(loss, {N[k]: v for k, v in mine.items()})
    assert found(report, "derivative_at_preactivation", "AL|Z2")
    check_lines(report, loss)


def digits():
    """001c: two sigmoid layers of 5 and 4, softmax, ½ Σ (p − t)²."""
    rng = np.random.default_rng(2)
    X, T = rng.random((8, 6)), np.eye(3)[rng.integers(0, 3, 8)]
    N = {
        k: ag.Tensor(rng.normal(size=s), label=k)
        for k, s in {"w1": (6, 5), "w2": (5, 4), "w3": (4, 3)}.items()
    }
    h1 = ag.sigmoid(X @ N["w1"])
    h2 = ag.sigmoid(h1 @ N["w2"])
    z = h2 @ N["w3"]
    p = ag.softmax(z, -1)
    h1.label, h2.label, z.label, p.label = "hidden1", "hidden2", "z", "outputs"
    loss = 0.5 * ((p - T) ** 2).sum()
    P, H1, H2 = p.data, h1.data, h2.data

    def back(delta):
        d2 = delta @ N["w3"].data.T * H2 * (1 - H2)
        d1 = d2 @ N["w2"].data.T * H1 * (1 - H1)
        return {N["w3"]: H2.T @ delta, N["w2"]: H1.T @ d2, N["w1"]: X.T @ d1}

    return loss, P, T, back


def test_001c_softmax_elementwise():
    loss, P, T, back = digits()
    report = ag.diagnose(loss, back((P - T) * P * (1 - P)))
    assert found(report, "softmax_elementwise", "outputs")
    check_lines(report, loss)


def test_001c_the_jacobian_built_row_by_row_and_never_multiplied():
    """placeholder[:, j] = p_j (1 − p_j) − Σ k · p_k, k the loop's counter that took y's name."""
    loss, P, T, back = digits()
    placeholder = np.zeros(P.shape)
    for j in range(3):
        y = P[:, j]
        placeholder[:, j] = y * (1 - y)
        for y in range(3):
            if y != j:
                placeholder[:, j] += -y * P[:, y]
    report = ag.diagnose(loss, back((P - T) * placeholder))
    assert report.wrong == ["w3", "w2", "w1"]
    assert found(report, "softmax_jacobian_not_multiplied", "outputs"), str(report)
    check_lines(report, loss)


def test_001c_softmax_twice():
    loss, P, T, back = digits()
    q = softmax(P, 1)
    report = ag.diagnose(loss, back(q * (1 - q) * (P - T) / 8))
    assert found(report, "softmax_twice", "outputs")
    check_lines(report, loss)


def test_001f_one_layer_has_the_other_sign():
    rng = np.random.default_rng(4)
    X, Y = rng.random((1, 7)), np.eye(4)[[2]]
    N = {
        k: ag.Tensor(rng.normal(size=s), label=k)
        for k, s in {"W1": (7, 5), "b1": (1, 5), "W2": (5, 4), "b2": (1, 4)}.items()
    }
    A = ag.sigmoid(X @ N["W1"] + N["b1"])
    Z = A @ N["W2"] + N["b2"]
    A.label, Z.label = "A1", "Z2"
    loss = ag.nn.cross_entropy(Z, Y)
    p = softmax(Z.data, 1)
    d1 = (p - Y) @ N["W2"].data.T * A.data * (1 - A.data)
    mine = {"W2": A.data.T @ (Y - p), "b2": Y - p, "W1": X.T @ d1, "b1": d1}
    report = ag.diagnose(loss, {N[k]: v for k, v in mine.items()})
    assert set(report.wrong) == {"W2", "b2"}
    assert found(report, "wrong_sign", "W2")
    check_lines(report, loss)


def two_layers(half=False):
    rng = np.random.default_rng(0)
    W1, W2 = ag.Tensor(rng.random((2, 5)), label="W1"), ag.Tensor(rng.random((5, 1)), label="W2")
    l1 = ag.sigmoid(XOR @ W1)
    l2 = ag.sigmoid(l1 @ W2)
    l1.label, l2.label = "layer1", "layer2"
    loss = (0.5 if half else 1.0) * ((l2 - TARGET) ** 2).sum()

    def back(error):
        d2 = error * l2.data * (1 - l2.data)
        d1 = d2 @ W2.data.T * l1.data * (1 - l1.data)
        return {W2: l1.data.T @ d2, W1: XOR.T @ d1}

    return loss, l2.data, back


def test_001g_the_loss_as_the_error():
    loss, _, back = two_layers()
    report = ag.diagnose(loss, back(np.full((4, 1), loss.item())))
    assert found(report, "loss_for_derivative", ".")
    check_lines(report, loss)


def test_001g_the_derivative_multiplied_by_the_loss():
    loss, p, back = two_layers(half=True)
    report = ag.diagnose(loss, back((p - TARGET) * loss.item()))
    assert found(report, "multiplied_by_loss", ".")
    check_lines(report, loss)


def test_003_the_squared_error_for_its_derivative():
    loss, p, back = two_layers()
    report = ag.diagnose(loss, back((TARGET - p) ** 2))
    assert found(report, "loss_for_derivative|value_for_derivative", ".")
    check_lines(report, loss)


def derivative_of_inputs(sizes=(2, 2, 2, 1)):
    """004: the derivative of a network's output with respect to its inputs."""
    rng = np.random.default_rng(5)
    x = ag.Tensor(rng.normal(size=(1, 2)), label="x")
    W = [rng.normal(size=s) for s in zip(sizes, sizes[1:], strict=False)]
    b = [rng.normal(size=(1, n)) for n in sizes[1:]]
    a, Z = x, []
    for i, (w, c) in enumerate(zip(W, b, strict=True)):
        z = a @ w + c
        z.label = f"z{i + 1}"
        Z.append(z.data)
        a = ag.sigmoid(z) if i < len(W) - 1 else z
        if i < len(W) - 1:
            a.label = f"a{i + 1}"

    def slope(z):
        return sigma(z) * (1 - sigma(z))

    return a.sum(), x, W, Z, slope


def test_004_sums_where_jacobians_belong():
    """The chain of Jacobians replaced by a product of sums."""
    out, x, W, Z, slope = derivative_of_inputs()
    last = W[2].T  # (1, 2)
    d2 = (last * slope(Z[1])).sum() * W[1].sum(1)[None]  # the sums of both sides
    report = ag.diagnose(out, {x: (d2 * slope(Z[0])) @ W[0].T})
    assert found(report, "summed_before_product", "a1|z2"), str(report)
    check_lines(report, out)


def test_004_the_output_where_the_input_belongs():
    """The derivative of the second layer is taken at its activation."""
    out, x, W, Z, slope = derivative_of_inputs()
    d2 = W[2].T * slope(sigma(Z[1])) @ W[1].T
    report = ag.diagnose(out, {x: (d2 * slope(Z[0])) @ W[0].T})
    assert found(report, "derivative_at_activation", "a2|z2")
    check_lines(report, out)


def test_004_the_derivatives_on_the_wrong_side():
    """σ′ of the second layer multiplied on the left of its weights, where it belongs on the right."""
    out, x, W, Z, slope = derivative_of_inputs()
    d1 = (W[2].T @ W[1].T) * slope(Z[1])
    report = ag.diagnose(out, {x: (d1 * slope(Z[0])) @ W[0].T})
    assert report.wrong == ["x"]
    assert found(report, "slope_on_wrong_side", "a1|z2"), str(report)
    check_lines(report, out)


@pytest.mark.parametrize("negated", [False, True], ids=["subtracted", "added"])
def test_new_parameters_in_place_of_gradients(negated):
    """after= reads the gradients from an update; negated gradients that are added are right."""
    loss, p, back = two_layers()
    g = back(2 * (p - TARGET))
    after = {n: n.data - 0.3 * v for n, v in g.items()}
    assert not ag.diagnose(loss, after=after, lr=0.3).wrong
    assert not ag.diagnose(loss, after=after).wrong
    report = ag.diagnose(loss, {n: -v for n, v in g.items()} if negated else g, after=after)
    assert not report.wrong
    assert ("negated" in str(report)) == negated
    wrong = {n: n.data - 0.3 * v for n, v in back(p - TARGET).items()}
    assert ag.diagnose(loss, after=wrong, lr=0.3).findings[0].mistake == "factor_two"


def test_forward_values_are_compared_first():
    loss, p, back = two_layers()
    report = ag.diagnose(loss, back(2 * (p - TARGET)), values={"layer2": p + 0.1})
    assert report.findings[0].mistake == "forward_differs"
    assert report.findings[0].where == "layer2"


def test_a_callable_forward_and_labels():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 2)), ag.Tensor(rng.normal(size=(2, 1)), label="w")
    report = ag.diagnose(lambda: ((x @ w) ** 2).sum(), {"w": x.T @ (x @ w.data)})
    assert report.wrong == ["w"]
    assert report.findings[0].mistake == "factor_two"


def test_what_the_loss_does_not_depend_on_is_refused():
    loss, _, _ = two_layers()
    with pytest.raises(ag.GraphError, match="does not depend on"):
        ag.diagnose(loss, {ag.Tensor(1.0): 1.0})
    with pytest.raises(ag.GraphError, match="there are: W1, W2"):
        ag.diagnose(loss, {"W7": 1.0})
    with pytest.raises(ag.GraphError, match="recorded scalar"):
        ag.diagnose(ag.Tensor([1.0, 2.0]) * 2, {})


def test_the_report_as_text_and_html():
    """A report says what is wrong, what is right, why, and what to write; in a notebook labels are escaped."""
    w = ag.Tensor([[1.0], [2.0]], label="<w>")
    loss = ((np.eye(2) @ w) ** 2).sum()
    report = ag.diagnose(loss, {w: w.data})
    assert "Wrong: <w>." in str(report)
    assert "[factor_two]" in str(report)
    assert "This explains every number" in str(report)
    assert "&lt;w&gt;" in report._repr_html_()
    assert "<w>" not in report._repr_html_()
