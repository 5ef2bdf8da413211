"""Two thousand random graphs over the whole table agree with PyTorch to second order; and the fuzzer notices a wrong rule."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import array_functions

_spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[1] / "fuzz.py")
assert _spec
assert _spec.loader
fuzz: Any = importlib.util.module_from_spec(_spec)
sys.modules["fuzz"] = fuzz
_spec.loader.exec_module(fuzz)

# public functions of data that no line of the fuzzer names: what there is of them is composed of others, or has no PyTorch of its own
NOT_NAMED = {"getitem", "nn", "optim"}


@pytest.mark.parametrize("part", range(4))
def test_random_graphs_agree_with_pytorch(part: int) -> None:
    for found, _ in fuzz.run(500, part):
        assert found is None, str(fuzz.shrunk(found))


def test_most_programs_are_judged_in_full() -> None:
    """What is ill-conditioned, refused or not finite in PyTorch stays below a tenth."""
    verdicts = [verdict for _, verdict in fuzz.run(300, 9)]
    assert verdicts.count("agreed") > 270


def test_the_lines_name_every_public_function_of_data() -> None:
    lines = " ".join(operation.ours for operation in fuzz.TABLE)
    no_data = """
        apply batch_hessian batch_jacobian derivative draw enable_grad explore fit grad gradients hessian hvp jacobian jvp load
        no_grad plot_decision_boundary plot_gradient_flow ravel save tree value_and_grad vjp audit backprop_source cast
        check_derivative check_gradients compile compile_step debug diagnose diagnose_update doctor explain mean_over
    """.split()  # noqa: SIM905
    composed = vars(
        array_functions
    )  # of rows that stand in the lines; tests/core/test_numpy_functions.py tries each
    functions = {name for name in ag.__all__ if name[0].islower()} - NOT_NAMED - set(no_data) - set(composed)
    assert {name for name in functions if f"ag.{name}(" not in lines} == set()


@pytest.mark.parametrize("factor", [1.0 + 1e-6, -1.0, 0.0])
def test_a_wrong_gradient_is_noticed_and_printed(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ag.Op("sin", lambda xp, x: xp.sin(x), (lambda xp, g, out, x: factor * g * xp.cos(x),))
    place = next(i for i, operation in enumerate(fuzz.TABLE) if operation.ours == "ag.sin(x)")
    lines = list(fuzz.OURS)
    lines[place] = lambda x, y: ag.apply(wrong, x)
    monkeypatch.setattr(fuzz, "OURS", lines)
    found = next((found for found, _ in fuzz.run(500, 1) if found), None)
    assert found is not None
    text = str(fuzz.shrunk(found))
    assert "ag.sin(x)" in text
    monkeypatch.undo()
    spaces: dict[str, Any] = {}
    before = fuzz.torch.get_default_dtype()
    try:
        exec(text, spaces)  # the program printed can be run as it is; it sets PyTorch's dtype
    finally:
        fuzz.torch.set_default_dtype(before)
    assert np.isfinite(np.asarray(spaces["loss"].detach().numpy()))


def test_a_wrong_second_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A right slope whose own derivative is wrong: cos taken for a constant."""
    wrong = ag.Op(
        "sin",
        lambda xp, x: xp.sin(x),
        (lambda xp, g, out, x: g * np.cos(x.data if isinstance(x, ag.Tensor) else x),),
    )
    place = next(i for i, operation in enumerate(fuzz.TABLE) if operation.ours == "ag.sin(x)")
    lines = list(fuzz.OURS)
    lines[place] = lambda x, y: ag.apply(wrong, x) if isinstance(x, ag.Tensor) else ag.sin(x)
    monkeypatch.setattr(fuzz, "OURS", lines)
    found = next((found for found, _ in fuzz.run(800, 1) if found), None)
    assert found is not None
    assert found.what.startswith("second gradient")
