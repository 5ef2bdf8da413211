"""Why does it not learn? A look at the data, the first pass and a short trial on a copy, in the order in which things go wrong.

What is certain (a cut graph, dead units, labels out of range) is told as it is found. What harms some trainings only (inputs that
are not scaled, a high first loss) is told only where the trial shows that this one is harmed.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import AnomalyError, AutogradError, ShapeError
from .debug import bad_row
from .look import Look, add, is_above_0, is_real, rms
from .report import Report
from .trial import Trial, constant_losses, rows_of, same_generators

ROWS, BATCH = 256, 32  # of the data that are looked at, and that are to be learnt by heart
STEPS, LONG = 30, 200  # of the trial with the optimiser, and of learning by heart
LARGE = 100_000  # parameters, of which so many steps would take long
RATES = (0.1, 0.01, 0.001)  # those that people try first


def doctor(model: Any, loss: Any, X: Any, y: Any, *, optimizer: Any = None) -> Report:
    """Return why a training does not train: what is wrong with the data, the loss, the network or the rate, and what to do.

    Args:
        model: a Module, or any function from X to a prediction.
        loss: a function of (prediction, y), or with y=None of the prediction alone.
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
    with same_generators(), np.errstate(all="ignore"):
        X, y = rows_of(_plain(X), _plain(y), ROWS)
        if _not_finite(report, X, y):
            return report
        _piled_up(report, model, optimizer)
        given = (model, loss, X, y, optimizer)
        try:
            look = Look(Trial(*given))
        except AnomalyError as error:
            add(report, "not_finite", str(error).partition(" ")[0], str(error))
        except (AutogradError, ValueError, TypeError, IndexError) as error:
            _raised(report, error)
        else:
            if look.examine(report):
                _tried(report, look, given)
    return report


def _plain(x: Any) -> Any:
    """Data as an array, where they are one."""
    if isinstance(x, Node) and not x.requires_grad:
        return x.data
    is_list = isinstance(x, list | tuple) and not any(isinstance(part, Node) for part in x)
    return np.asarray(x) if is_list else x


def _not_finite(report: Report, X: Any, y: Any) -> bool:
    """Whether the data hold what is not finite, and in which row."""
    for name, x in (("X", X), ("y", y)):
        if is_real(x) and x.ndim and (row := bad_row(x)) is not None:
            add(report, "data_not_finite", name, f"first in row {row}")
    return bool(report.findings)


def _piled_up(report: Report, model: Any, optimizer: Any) -> None:
    """Gradients that were added to after steps, which the engine has counted."""
    params = model.parameters() if hasattr(model, "parameters") else getattr(optimizer, "params", [])
    sums = [p.meta["sum"] for p in params if p.meta and p.meta.get("sum") and p.meta["sum"].holds(p)]
    if count := max((total.count for total in sums), default=0):
        note = f"backward() added to gradients that were there already, at least {count} times after a step"
        add(report, "not_zeroed", "the training loop", note)


def _raised(report: Report, error: Exception) -> None:
    """An error of the first pass; what the losses refuse has a name of its own."""
    text = str(error)
    if "prediction must lie in" in text or "a logarithm is above 0" in text:
        add(report, "not_a_probability", "the output and the loss", text)
    elif isinstance(error, ShapeError) and "broadcast" in text:
        add(report, "broadcast_pairs", "the loss", text, "y = y.reshape(prediction.shape)")
    elif any(words in text for words in ("out of range", "out of bounds", "must lie in", "in [0, 1]")):
        add(report, "labels_out_of_range", "y, in the loss", text)
    else:
        add(report, "forward_raises", "the forward pass", f"{type(error).__name__}: {text}")


# ---- Trials ----------------------------------------------------------------------------------------------------------------


def _tried(report: Report, look: Look, given: tuple[Any, ...]) -> None:
    """Put in what a short training shows, and what explains that it fails."""
    model, loss, X, y, optimizer = given
    first = float(look.loss.item())
    guesses = constant_losses(look.trial, look.prediction, y) if look.is_array else []
    chance = min(guesses, default=first)
    guess = f"; a constant guess has {chance:.4g}" if guesses else ""
    report.notes.append(f"The first loss is {first:.4g}{guess}.")
    harmed = False
    if optimizer is not None:
        harmed = _stepped(report, look, given)
    elif not report.findings:
        harmed = not any(_fell(look.trial.descended(rate, STEPS // 2), 10.0) for rate in RATES)
    if report.findings and not harmed:
        return
    small = Trial(model, loss, *rows_of(X, y, BATCH))
    start, level, low = _by_heart(report, small, chance)
    is_stuck = low > 0.95 * level
    of_classes = any(node.op.name.endswith("_cross_entropy") for node in look.order)
    is_high = first > 5 * chance > 0 and (of_classes or harmed or is_stuck)
    if harmed or is_stuck or is_high:
        _sizes(report, look, harmed and optimizer is None)
    if is_high and not report.findings:
        note = f"{first:.4g} against {chance:.4g}: the first outputs are too large, and surely wrong"
        add(report, "initial_loss_high", "the first pass", note)
    if is_stuck and not report.findings:
        note = f"{start:.4g} → {low:.4g}, and a constant guess has {chance:.4g}"
        add(report, "cannot_overfit", "the network", note)


def _by_heart(report: Report, small: Trial, chance: float) -> tuple[float, float, float]:
    """The loss of one batch at the start, the loss to be beaten, and the least that Adam finds in so many steps."""
    start = small.number()
    level, low, losses = min(start, chance) if chance > 0 else start, math.inf, [start]
    steps = LONG if sum(p.size for p in small.params.values()) < LARGE else LONG // 5
    for rate in (0.01, 0.1):
        if low > 0.95 * level:
            losses = small.descended(rate, steps, is_adam=True, until=0.5 * level)
            low = min(low, *filter(math.isfinite, losses))
    taken = len(losses) - 1
    report.notes.append(f"By Adam on one batch it goes from {start:.4g} to {low:.4g} in {taken} steps.")
    return start, level, low


def _fell(losses: Sequence[float], limit: float = 1.05) -> bool:
    """Whether the losses stayed finite and did not end far above the first."""
    return all(map(math.isfinite, losses)) and losses[-1] <= limit * abs(losses[0]) + 1e-12


def _stepped(report: Report, look: Look, given: tuple[Any, ...]) -> bool:
    """Try the optimiser's first steps; whether they do harm."""
    trial = Trial(*given)
    rate = float(trial.optimizer.lr)
    losses = trial.stepped(STEPS)
    name = f"{type(trial.optimizer).__name__}, lr {rate:g}"
    report.notes.append(f"{len(losses) - 1} steps of {name}: {losses[0]:.4g} → {losses[-1]:.4g}.")
    if losses[-1] > 0.7 * losses[0] and _died(report, look, trial, rate):
        return True
    if any("units" in f.mistake or f.mistake == "dead_output" for f in report.findings):
        return False
    if _fell(losses):
        return _is_slow(report, given, name, rate, losses)
    for smaller in (rate / 10, rate / 100, rate / 1000, rate / 1e4):
        other = _with_rate(given, smaller)
        if _fell(other, 0.999):
            note = f"in {len(losses) - 1} steps it goes from {losses[0]:.4g} to {losses[-1]:.4g}, "
            note += f"and with lr {smaller:g} to {other[-1]:.4g}"
            add(report, "rate_too_large", name, note, f"lr={smaller:g}")
            break
    return True


def _died(report: Report, look: Look, trial: Trial, rate: float) -> bool:
    """Whether most ReLU units of a layer have died in the steps."""
    try:
        now = {layer.name: layer for layer in Look(trial).layers()}
    except AutogradError:
        return False
    for then in look.layers():
        layer = now.get(then.name, then)
        if layer.kind == "relu" and layer.is_bad() and layer.bad > then.bad + layer.count // 8:
            too_large = f"the steps of lr {rate:g} are too large"
            why = look.because(layer) if is_above_0(trial.X) else too_large
            note = f"{layer.bad} of {layer.count} are dead after {STEPS} steps (before: {then.bad})"
            add(report, "units_die", f"{layer.name} (relu)", f"{note}, because {why}", first=True)
            return True
    return False


def _is_slow(report: Report, given: tuple[Any, ...], name: str, rate: float, losses: Sequence[float]) -> bool:
    """Whether a rate that is larger by orders of magnitude takes the loss down by as much more."""
    fall, size = losses[0] - losses[-1], abs(losses[0])
    for larger in (1e3 * rate, 1e4 * rate, 1e5 * rate, 1e6 * rate) if 0 <= fall < 1e-4 * size else ():
        far = _with_rate(given, larger)
        more = far[0] - far[-1]
        if _fell(far) and more > max(300 * fall, 0.01 * size):
            note = f"in {STEPS} steps the loss falls by {fall:.2g}, with lr {larger:g} by {more:.2g}"
            add(report, "rate_too_small", name, note, f"lr={larger:g}")
            return True
    return False


def _with_rate(given: tuple[Any, ...], rate: float) -> list[float]:
    """The losses of the optimiser's first steps with another rate."""
    trial = Trial(*given)
    trial.optimizer.lr = rate
    return trial.stepped(STEPS)


def _sizes(report: Report, look: Look, explodes: bool) -> None:
    """Inputs and targets whose size harms the training."""
    X, y = look.trial.X, look.trial.y
    if is_real(X) and X.ndim > 1:
        spread = X.reshape(len(X), -1).astype(float).std(axis=0)
        uneven, size = spread[spread > 0], rms(X)
        note = f"they go from {X.min():.4g} to {X.max():.4g}"
        if size > 10 and explodes:
            note += f", and gradient descent explodes at rates of {RATES[0]:g} to {RATES[-1]:g}"
        if uneven.size > 1 and uneven.max() > 1000 * uneven.min():
            note += f", and the columns' spreads from {uneven.min():.2g} to {uneven.max():.2g}"
        elif 0.01 <= size <= 10:
            note = ""
        if note:
            add(report, "inputs_unscaled", "X", note, first=True)
    if look.is_array and is_real(y) and y.shape == look.prediction.shape:
        size, out = rms(y), rms(look.prediction.data)
        if size > max(10, 10 * out):
            note = f"they go from {y.min():.4g} to {y.max():.4g}, the first outputs are about {out:.2g}"
            add(report, "targets_unscaled", "y", note)


def untrained(model: Any, loss: Any, X: Any, y: Any) -> str:
    """Return in a few words why a training did not train its network; "" where its loss is low, or nothing is known."""
    X, y = rows_of(X, y, ROWS)
    try:
        with same_generators(), np.errstate(all="ignore"):
            look = Look(Trial(model, loss, X, y))
            guesses = constant_losses(look.trial, look.prediction, y) if look.is_array else []
    except Exception:  # a training that has ended is not to end in an error of its doctor
        return ""
    chance, now = min(guesses, default=math.inf), float(look.loss.item())
    for layer in look.layers() if now > 0.5 * chance or not guesses else ():
        if look.dead_outputs(layer) or (layer.node is not look.prediction and layer.is_bad()):
            return f"{layer.name}: {layer}"
    return f"the loss, {now:.4g}, is that of a constant guess" if now > 0.95 * chance > 0 else ""
