"""Why does it not learn? A look at the data, the first pass and a short trial on a copy, in the order in which things go wrong.

What is certain (a cut graph, dead units, labels out of range) is told as it is found. What harms some trainings only (inputs that
are not scaled, a high first loss) is told only where the trial shows that this one is harmed.
"""

import math
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from traceback import extract_tb
from typing import Any

import numpy as np

from ..core.node import Node
from ..core.value import Value
from ..errors import AnomalyError, AutogradError
from .debug import bad_row
from .look import BOUNDS, FLAT, PRODUCTS, Layer, Look, is_real, kind_of, made_by, rms
from .mistakes import FIXES
from .report import Report
from .trial import Trial, apart, rows_of

ROWS, BATCH = 256, 32  # of the data that are looked at, and that are to be learnt by heart
STEPS, LONG = 30, 200  # of the trial with the optimiser, and of learning by heart
LARGE = 100_000  # parameters, of which so many steps would take long
RATES = (0.1, 0.01, 0.001)  # those that people try first
NOT_CENTRED = (
    "all inputs are ≥ 0: a step that pushes a unit down for one sample does so for all; "
    "centre them, X - X.mean(axis=0)"
)
REFUSED = {  # what an error of a loss says, and the finding that it is
    "prediction must lie in|a logarithm is above 0": ("not_a_probability", "the output and the loss"),
    "would broadcast": ("broadcast_pairs", "the loss"),
    r"out of (range|bounds)|must lie in|in \[0, 1\]": ("labels_out_of_range", "y, in the loss"),
}
Found = Iterator[tuple[str, ...]]  # (mistake, where), and perhaps a note and a fix of its own


def doctor(model: Any, loss: Any, X: Any, y: Any, *, optimizer: Any = None) -> Report:
    """Return why a training does not train: what is wrong with the data, the loss, the network or the rate, and what to do.

    Args:
        model: a Module, or any function from X to a prediction, or from one sample to one, as networks on Values are.
        loss: a function of (prediction, y), or with y=None of the prediction alone; of samples the prediction is a list.
        X, y: data, a row a sample.
        optimizer: the one that is used; then its first steps are tried too.

    Returns:
        A Report: `findings`, the surest first, each with `mistake`, `where`, `why` and `fix`; `notes` on what was tried.
        All is tried on copies: model, data, generators, gradients and optimiser stay as they are, to the bit.

    >>> import numpy as np, autograd_mini as ag
    >>> net = ag.nn.Sequential(ag.nn.Linear(1, 1, rng=0), ag.nn.Sigmoid())
    >>> X = np.linspace(0.0, 1.0, 10)[:, None]
    >>> print(doctor(net, ag.nn.mse, X, 10 * X).findings[0].why)
    Targets lie outside the range of the output's activation, which cannot reach them: they go from 0 to 10, a sigmoid is from 0 to 1
    """
    report = Report(subject="training")
    with apart():
        X, y = rows_of(_plain(X), _plain(y), ROWS)
        for mistake, where, *more in _findings(report, (model, loss, X, y, optimizer)):
            note, fix = (*more, "", "")[:2]
            first = mistake in ("units_die", "inputs_unscaled")  # the cause of what else was found
            report.add(mistake, where, note, fix or FIXES.get(mistake, ""), first)
    return report


def _findings(report: Report, given: tuple[Any, ...]) -> Found:
    """Yield what is found, in the order in which it is asked; what was found before is in the report."""
    model, _, X, y, optimizer = given
    for name, x in (("X", X), ("y", y)):
        if is_real(x) and x.ndim and (row := bad_row(x)) is not None:
            yield "data_not_finite", name, f"first in row {row}"
    if report.findings:
        return
    params = model.parameters() if hasattr(model, "parameters") else getattr(optimizer, "params", [])
    sums = [p.meta["sum"] for p in params if p.meta and p.meta.get("sum") and p.meta["sum"].holds(p)]
    if count := max((total.count for total in sums), default=0):
        note = f"backward() added to gradients that were there already, at least {count} times after a step"
        yield "not_zeroed", "the training loop", note
    try:
        look = Look(Trial(*given))
    except AnomalyError as error:
        yield "not_finite", str(error).partition(" ")[0], str(error)
    except (AutogradError, ValueError, TypeError, IndexError) as error:
        other = ("forward_raises", "the forward pass", f"{type(error).__name__}: {error}")
        in_loss = any(frame.name == "loss_of" for frame in extract_tb(error.__traceback__))
        known = (found for words, found in REFUSED.items() if in_loss and re.search(words, str(error)))
        yield next(((*found, str(error)) for found in known), other)
    else:
        for question in QUESTIONS:
            yield from question(look)
            if any(f.mistake == "cut_off" for f in report.findings):
                return
        grads = [look.grads[p] for p in look.trial.params.values() if p in look.grads]
        if any(map(np.any, grads)) or not look.first:
            yield from _tried(report, look, given)
        elif not report.findings:
            yield from _stopped(look)
        report.notes += [f"{layer.name}: {layer}." for layer in look.layers if layer.bad and not layer.is_bad]


def _plain(x: Any) -> Any:
    """Data as an array, where they are one."""
    if isinstance(x, Node) and not x.requires_grad:
        return x.data
    is_list = isinstance(x, list | tuple) and not any(isinstance(part, Node) for part in x)
    return np.asarray(x) if is_list else x


# ---- What the first pass shows: each question yields what it finds ----------------------------------------------------


def _reached(look: Look) -> Found:
    """Parameters that the loss does not depend on, and those that the optimiser does not have."""
    params, optimizer = look.trial.params, look.trial.optimizer
    missing = [name for name, p in params.items() if p not in look.grads]
    if not isinstance(look.loss, Node):
        kind = type(look.loss).__name__
        yield "cut_off", "the loss", f"it is a {kind}: .item(), .data, float() or NumPy on .data cut it off"
    elif len(missing) == len(params):
        yield "cut_off", *_cut(look)
    elif missing:
        yield "parameter_unused", ", ".join(missing[:8]), _cut(look)[1]
    elif optimizer is not None:
        own = {*optimizer.params}
        if foreign := [name for name, p in params.items() if p not in own]:
            yield "parameter_not_in_optimizer", ", ".join(foreign[:8])


def _cut(look: Look) -> tuple[str, str]:
    """The place of the cut, and what is said of it."""
    loss, own = look.loss, set(look.trial.params.values())
    if not loss.requires_grad:
        how = f"cut off by {loss._cut_by}{look.line(loss)}"
        return "the loss", how if loss._cut_by else "it was made from constants alone"
    for leaf in look.order:
        if leaf.op is None and leaf not in own:
            end = f"the way ends at {leaf._name}{look.line(leaf)}"
            return "a leaf", f"{end}, wrapped afresh: a new leaf, no path"
    return "the graph", "nothing leads to them: frozen, or not used in forward()"


def _paired(look: Look) -> Found:
    """(n, 1) against (n,)."""
    for node, *two in look.meetings():
        shapes = {x.shape for x in two}
        n = max(map(max, filter(None, shapes)), default=1)
        if n > 1 and shapes == {(n, 1), (n,)}:
            one, other = (x.shape for x in node.parents)
            note = f"{node.op.name!r} of {one} and {other} gives {node.shape}{look.line(node)}"
            yield "broadcast_pairs", "the loss", note
            return


def _softmax(look: Look) -> Found:
    """Softmax over the samples, of one output, or twice; and the sigmoid twice."""
    for node in look.order:
        shape, place = node.shape, f"{node.op.name if node.op else ''}{look.line(node)}"
        if kind_of(node) == "softmax" and len(shape) == 2 and look.samples in shape and look.samples > 1:
            p = np.exp(node.data) if node.op.name == "log_softmax" else node.data
            over = 0 if shape[0] == look.samples else 1  # the axis of the samples
            sums = [np.allclose(p.sum(axis=axis), 1.0) for axis in (over, 1 - over)]
            if sums[1] and shape[1 - over] == 1:
                yield "softmax_of_one", place
            elif not sums[1] and (sums[0] or np.isclose(p.sum(), 1.0)):
                yield "softmax_wrong_axis", place, f"of shape {shape}, samples along axis {over}"
        inner = _applied_by(made_by(node))
        if inner and kind_of(node.parents[0]) == inner:
            yield f"{inner}_twice", place


def _applied_by(name: str) -> str:
    """The activation that an operation of a loss applies to its operand; "" where it applies none."""
    if name == "sigmoid_cross_entropy":
        return "sigmoid"
    is_of_classes = name.endswith("cross_entropy") and not name.startswith("binary")
    return "softmax" if name == "softmax" or is_of_classes else ""


def _ranges(look: Look) -> Found:
    """Targets that the output cannot reach, and labels without a class."""
    y, out = look.trial.y, look.out
    if not is_real(y) or out is None or not y.size:
        return
    kind, low, high, outputs = kind_of(look.outputs[0]), float(y.min()), float(y.max()), {*look.outputs}
    goes = f"go from {low:.4g} to {high:.4g}"
    least, most = BOUNDS.get(kind, (-math.inf, math.inf))
    against = [x for _, target, x in look.meetings() if look.is_target(target) and target.shape == x.shape]
    if not outputs.isdisjoint(against) and (low < least - 1e-9 or high > most + 1e-9):
        reach = f"from {least:g} to {most:g}" if most < math.inf else "never below 0"
        yield "targets_out_of_range", "y and the output layer", f"they {goes}, a {kind} is {reach}"
    logs = [x for x in against if made_by(x) == "log" and x.parents[0] in outputs]
    if logs and not 0 <= low <= high <= 1:
        fix = "y = (y > 0) * 1.0"
        yield "labels_out_of_range", "y, in the loss", f"labels {goes}, beside a log of probabilities", fix
    by_class = y.ndim == 1 and out.ndim == 2 and len(y) == len(out) and out.shape[1] > 1
    if by_class and np.array_equal(y, np.round(y)) and not 0 <= low <= high < out.shape[1]:
        yield "labels_out_of_range", "y", f"labels {goes}, and those of {out.shape[1]} classes from 0"


def _equal(look: Look) -> Found:
    """Hidden weights that are all alike and get gradients that are alike: their units never part."""
    weights = {name: (w.data, look.grads[w]) for w, name in [*look.matrices().items()][:-1]}
    for layer in look.layers:
        sizes = {*map(len, layer.weights)}
        if isinstance(layer.given[0], Value) and not layer.is_output and len(sizes) == 1:
            rows = np.array([[(w.data, look.grads[w]) for w in row] for row in layer.weights])
            weights[layer.name] = rows[..., 0], rows[..., 1]
    for name, (w, g) in weights.items():
        size, is_one = 1e-12 * np.abs(g).max(initial=0.0), not np.ptp(w)
        for axis in (0, 1) if is_one or size else ():
            if w.shape[axis] > 1 and not np.ptp(w, axis).any() and np.ptp(g, axis).max() <= size:
                same = f"they are all {w.flat[0]:.4g}" if is_one else "each unit starts from the same ones"
                yield "equal_weights", name, same
                break


def _units(look: Look) -> Found:
    """Dead and saturated units, and outputs that are so in the wrong place."""
    for layer in look.layers:
        where = f"{layer.name} ({layer.kind})"
        if layer.is_stuck and layer.is_output:
            yield "dead_output", where, f"{layer.bad} of {len(layer.flat)} outputs"
        elif layer.is_stuck:
            mistake = "dead_units" if layer.kind == "relu" else "saturated_units"
            yield mistake, where, f"{layer}, because {_because(look, layer)}"
        elif layer.is_output and layer.kind != "relu":
            yield from _wrong_outputs(look, BOUNDS[layer.kind], where)


def _wrong_outputs(look: Look, bounds: tuple[float, float], where: str) -> Found:
    """Outputs at the end of their range where the target is at the other."""
    y, p, (low, high) = look.trial.y, look.out, bounds
    if is_real(y) and p is not None and y.size == p.size:
        flat = np.minimum(p - low, high - p) < FLAT / 4
        wrong = flat & (np.abs(p - y.reshape(p.shape)) > 0.5 * (high - low))
        if wrong.mean() > 0.25:
            note = f"{wrong.sum()} of {wrong.size} outputs are at the end of their range, and wrong"
            fix = "a cross-entropy of logits, whose slope does not vanish; smaller weights"
            yield "saturated_units", where, note, fix


def _because(look: Look, layer: Layer) -> str:
    """Why the units of a layer are dead or saturated."""
    z, b = _joined(x.data for x in layer.given), _joined(x.data for x in layer.biases)
    X = look.trial.X
    if not np.any(z):
        return "all that they get is 0, as of weights of 0"
    if b.size and np.abs(b).mean() > 0.5 * np.abs(z).mean():
        return f"the biases decide alone: they go down to {b.min():.4g}"
    if _is_above_0(X):
        return NOT_CENTRED
    if is_real(X) and rms(X) > 10:
        return f"the inputs are large, up to {np.abs(X).max():.4g}, and so is what the activation gets"
    return f"what the activation gets is large: {z.min():.4g} to {z.max():.4g}"


def _joined(arrays: Iterable[Any]) -> Any:
    return np.concatenate([np.empty(0), *map(np.ravel, arrays)])


def _is_above_0(X: Any) -> bool:
    """Whether inputs are all ≥ 0 and far from centred."""
    return bool(is_real(X) and X.size > 1 and X.min() >= 0 and X.mean() > X.std())


def _slopes(look: Look) -> Found:
    """Gradients that vanish or explode from layer to layer: of what the matrix products give, or of what Values' units get."""
    names = look.matrices()
    products = [(node, p) for node in look.order if made_by(node) in PRODUCTS for p in node.parents]
    layers = [(names[p], [node]) for node, p in products if p in names]
    layers = layers or [(layer.name, layer.given) for layer in look.layers]
    sizes = [rms(_joined(look.grads[z] for z in nodes)) for _, nodes in layers]
    if len(layers) < 3 or not sizes[-1]:
        return
    (first, *_, last), ratio = [name for name, _ in layers], sizes[0] / sizes[-1]
    note = f"at {first} they are {ratio:.1e} times what they are at {last}"
    if ratio < 1e-4 and not any(layer.is_bad for layer in look.layers):
        yield "vanishing_gradients", f"{first} to {last}", note
    elif ratio > 1e3:
        yield "exploding_gradients", f"{first} to {last}", note


QUESTIONS = (_reached, _paired, _softmax, _ranges, _equal, _units, _slopes)


def _stopped(look: Look) -> Found:
    """Where all gradients become 0."""
    for node in reversed(look.order):
        below = [look.grads[parent] for parent in node.parents if parent in look.grads]
        if node.op and np.any(look.grads.get(node, 0.0)) and not any(map(np.any, below)):
            yield "zero_gradient", node.op.name, f"{node.op.name!r}{look.line(node)} passes nothing on"
            return


# ---- Trials ----------------------------------------------------------------------------------------------------------------


def _tried(report: Report, look: Look, given: tuple[Any, ...]) -> Found:
    """What a short training shows, and what explains that it fails."""
    model, loss, X, y, optimizer = given
    first, chance = look.first, look.chance
    guess = "" if chance is None else f"; a constant guess has {chance:.4g}"
    report.notes.append(f"The first loss is {first:.4g}{guess}.")
    chance = first if chance is None else chance
    harmed = False
    if optimizer is not None:
        harmed = yield from _stepped(report, look, given)
    elif not report.findings:
        harmed = not any(_fell(look.trial.descended(rate, STEPS // 2), 10.0) for rate in RATES)
    if report.findings and not harmed:
        return
    small = Trial(model, loss, *rows_of(X, y, BATCH))
    start, losses = small.number(), [math.inf]
    low, level = math.inf, min(start, chance) if chance > 0 else start
    steps = LONG if sum(p.size for p in small.params.values()) < LARGE else LONG // 5
    for rate in (0.01, 0.1):
        if low > 0.95 * level:
            losses = small.descended(rate, steps, adam=True, until=0.5 * level)
            low = min(low, *filter(math.isfinite, losses))
    goes = f"{start:.4g} to {low:.4g} in {len(losses) - 1} steps"
    report.notes.append(f"By Adam on one batch it goes from {goes}.")
    is_stuck = low > 0.95 * level
    of_classes = any(made_by(node).endswith("_cross_entropy") for node in look.order)
    is_high = first > 5 * chance > 0 and (of_classes or harmed or is_stuck)
    if harmed or is_stuck or is_high:
        yield from _sizes(look, harmed and optimizer is None)
    if is_high and not report.findings:
        note = f"{first:.4g} against {chance:.4g}: the first outputs are too large, and surely wrong"
        yield "initial_loss_high", "the first pass", note
    if is_stuck and not report.findings:
        note = f"{start:.4g} → {low:.4g}, and a constant guess has {chance:.4g}"
        yield "cannot_overfit", "the network", note


def _fell(losses: Sequence[float], limit: float = 1.05) -> bool:
    """Whether the losses stayed finite and did not end far above the first."""
    return all(map(math.isfinite, losses)) and losses[-1] <= limit * abs(losses[0]) + 1e-12


def _stepped(report: Report, look: Look, given: tuple[Any, ...]) -> Generator[tuple[str, ...], None, bool]:
    """Try the optimiser's first steps; return whether they do harm."""
    trial = Trial(*given)
    rate, kind = float(trial.optimizer.lr), type(trial.optimizer).__name__

    def with_rate(rate: float) -> list[float]:
        other = Trial(*given)
        other.optimizer.lr = rate
        return other.stepped(STEPS)

    losses = trial.stepped(STEPS)
    begin, end, taken = losses[0], losses[-1], len(losses) - 1
    name, fall = f"{kind}, lr {rate:g}", begin - end
    report.notes.append(f"{taken} steps of {name}: {begin:.4g} → {end:.4g}.")
    if end > 0.7 * begin and (died := _died(look, trial, rate)):
        yield died
        return True
    if any("units" in f.mistake or f.mistake == "dead_output" for f in report.findings):
        return False
    if not _fell(losses):
        for smaller in (rate / 10, rate / 100, rate / 1000, rate / 1e4):
            if _fell(other := with_rate(smaller), 0.999):
                note = f"in {taken} steps it goes from {begin:.4g} to {end:.4g}, and with lr {smaller:g} to "
                yield "rate_too_large", name, f"{note}{other[-1]:.4g}", f"lr={smaller:g}"
                break
        return True
    # does a rate that is larger by orders of magnitude take the loss down by as much more?
    for larger in (1e3 * rate, 1e4 * rate, 1e5 * rate, 1e6 * rate) if 0 <= fall < 1e-4 * abs(begin) else ():
        other = with_rate(larger)
        more = other[0] - other[-1]
        if _fell(other) and more > max(300 * fall, 0.01 * abs(begin)):
            note = f"in {STEPS} steps the loss falls by {fall:.2g}, with lr {larger:g} by {more:.2g}"
            yield "rate_too_small", name, note, f"lr={larger:g}"
            return True
    return False


def _died(look: Look, trial: Trial, rate: float) -> tuple[str, ...]:
    """The layer of which most ReLU units have died in the steps; () where there is none."""
    try:
        now = {layer.name: layer for layer in Look(trial).layers}
    except AutogradError:
        return ()
    for then in look.layers:
        layer = now.get(then.name, then)
        if layer.kind == "relu" and layer.is_bad and layer.bad > then.bad + len(layer.flat) // 8:
            too_large = f"the steps of lr {rate:g} are too large"
            why = _because(look, layer) if _is_above_0(trial.X) else too_large
            note = f"{layer.bad} of {len(layer.flat)} are dead after {STEPS} steps (before: {then.bad})"
            return "units_die", f"{layer.name} (relu)", f"{note}, because {why}"
    return ()


def _sizes(look: Look, explodes: bool) -> Found:
    """Inputs and targets whose size harms the training."""
    X, y, out = look.trial.X, look.trial.y, look.out
    if is_real(X) and X.ndim > 1:
        spread = X.reshape(len(X), -1).astype(float).std(axis=0)
        uneven, size = spread[spread > 0], rms(X)
        note = f"they go from {X.min():.4g} to {X.max():.4g}"
        if size > 10 and explodes:
            note += f", and gradient descent explodes at rates of {RATES[0]:g} to {RATES[-1]:g}"
        is_uneven = uneven.size > 1 and uneven.max() > 1000 * uneven.min()
        if is_uneven:
            note += f", and the columns' spreads from {uneven.min():.2g} to {uneven.max():.2g}"
        if is_uneven or not 0.01 <= size <= 10:
            yield "inputs_unscaled", "X", note
    if out is not None and is_real(y) and y.size == out.size and rms(y) > max(10, 10 * rms(out)):
        note = f"they go from {y.min():.4g} to {y.max():.4g}, the first outputs are about {rms(out):.2g}"
        yield "targets_unscaled", "y", note


def untrained(model: Any, loss: Any, X: Any, y: Any = None) -> str:
    """Return in a few words why a training did not train its network; "" where its loss is low, or nothing is known."""
    try:
        with apart():
            look = Look(Trial(model, loss, *rows_of(X, y, ROWS)))
            now, chance = look.first, math.inf if look.chance is None else look.chance
    except Exception:  # a training that has ended is not to end in an error of its doctor
        return ""
    for layer in look.layers if now > 0.5 * chance or look.chance is None else ():
        if layer.is_stuck:
            return f"{layer.name}: {layer}"
    return f"the loss, {now:.4g}, is that of a constant guess" if now > 0.95 * chance > 0 else ""
