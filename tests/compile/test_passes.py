"""Each pass alone, on random programs: the same results before and after, on other numbers, with NaN, ∞ and zeros of both signs."""

import dataclasses

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile import plan
from autograd_mini.compile.passes import closer, exact, in_rows
from autograd_mini.compile.plan import (
    added_by_blas,
    dotted,
    in_vectors,
    planned,
    squares_together,
)
from autograd_mini.compile.program import Change, Guard, Program
from autograd_mini.compile.scalars import scalars
from autograd_mini.compile.source import Writer, function_of
from autograd_mini.support.quiet import quietly
from autograd_mini.symbols import call, constant, symbol
from autograd_mini.symbols import evaluate as value_of
from tests.compile.programs import evaluate
from tests.helpers.readings import bits

SHAPES = [(3, 4), (4,), (3, 1), (), (4, 2), (2,)]
UNARY = ("exp", "sin", "abs", "square", "negative", "sigmoid", "softplus", "sign", "tanh")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
AWKWARD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-310, 40.0]


def grown(rng, values, steps):
    """The values, and as many more made of them."""
    for _ in range(steps):
        x, y = (values[rng.integers(len(values))] for _ in range(2))
        kind = rng.integers(7)
        if kind == 0:
            made = call(str(rng.choice(UNARY)), x)
        elif kind == 1 and x.shape:
            axis = [None, 0][rng.integers(2)]
            made = call("sum", x * x if rng.integers(2) else x, axis=axis, keepdims=False)
        elif kind == 2 and len(x.shape) == 2:
            squares = [value * 1.0 for value in values if value.shape == (4, 4)]
            made = call("matmul", squares[0], squares[-1]) if squares else call("matmul", x.T, x)
        elif kind == 3:
            made = float(rng.choice([0.5, -2.0, 1.0])) * (float(rng.choice([3.0, 1.0])) * x)
        elif kind == 4 and x.shape == (3, 4):
            made = [call("softmax", x, -1), call("log_softmax", x, 0), x.T, x[1:], call("reshape", x, (12,))][
                rng.integers(5)
            ]
        elif x.shape == y.shape or not x.shape or not y.shape:
            made = (
                call("where", call("greater", x, y), 0.0, y * 1.0)
                if kind == 5
                else call(str(rng.choice(BINARY)), x, y)
            )
        else:
            continue
        values.append(made)
    return values


def random_program(seed, guards=True):
    """A program of random calls, with outputs, guards, and updates of all its parameters in one of the usual forms."""
    rng = np.random.default_rng(seed)
    params = [symbol(f"w{i}", shape) for i, shape in enumerate(SHAPES)]
    x, y, rate = symbol("x", (3, 5)), symbol("y", (5, 4)), symbol("rate")
    values = grown(rng, [*params, x @ y, rate], 18)
    outputs = tuple(values[rng.integers(len(values))] for _ in range(3))
    decay, total = float(rng.choice([0.0, 0.1])), symbol("rate") * 0.5
    changes = []
    for w in params:
        fits = [value for value in values if value.shape == w.shape and value is not w]
        g = fits[rng.integers(len(fits))] if fits else w * 2.0
        g = g + decay * w if decay else g
        total = total + call("sum", call("square", w), axis=None, keepdims=False)
        changes.append(Change(w, w - rate * g, "data"))
    w = params[0]
    changes[0] = Change(w, w - rate * (x @ y), "data") if rng.integers(2) else changes[0]
    changes.append(Change(params[1], values[1] * 2.0, "grad"))
    tests = (Guard(call("less", rate, 1e9), True, ""),) if guards else ()
    return Program((*params, x, y, rate), tests, (*outputs, total), tuple(changes))


def numbers(program, seed, awkward):
    """A value for each input; the parameters of a vector lie in it."""
    rng = np.random.default_rng(seed)
    found = {}
    for x in program.inputs:
        found[x] = np.array(rng.normal(size=x.shape))
        if awkward and x.shape:
            found[x].flat[rng.integers(found[x].size)] = rng.choice(AWKWARD)
    return found


def results(program, values):
    """The outputs, and the new value of each input that is changed."""
    values = dict(values)
    for flat in program.flats:
        values[flat.vector] = np.concatenate([np.ravel(values[target]) for target in flat.targets])
    found = [np.array(x) for x in quietly(evaluate, program, values)]
    count = len(program.outputs)
    changed = {}
    for change, new in zip(program.changes, found[count:], strict=True):
        changed[change.target, change.what] = new
    for flat in program.flats:
        parts = np.split(
            changed.pop((flat.vector, "data")), np.cumsum([values[t].size for t in flat.targets])[:-1]
        )
        for target, part in zip(flat.targets, parts, strict=True):
            changed[target, "data"] = part.reshape(target.shape)
    return found[:count], changed


PASSES = {
    "exact": exact,
    "closer": closer,
    "in_rows": in_rows,
    "dotted": dotted,
    "in_vectors": in_vectors,
    "squares_together": lambda program: squares_together(in_vectors(dotted(program))),
    "added_by_blas": added_by_blas,
    "planned": lambda program: planned(exact(program), True),
}


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("seed", range(25))
def test_a_pass_keeps_the_results(name, seed, monkeypatch):
    """The exact one every bit, the others up to rounding."""
    monkeypatch.setattr(plan, "LARGE", 6)
    program = random_program(seed)
    changed = PASSES[name](program)
    for turn in range(3):
        values = numbers(program, turn, awkward=name == "exact")
        (outs, new), (outs_after, new_after) = results(program, values), results(changed, values)
        assert new.keys() == new_after.keys()
        pairs = [*zip(outs, outs_after, strict=True), *((new[key], new_after[key]) for key in new)]
        for before, after in pairs:
            if name == "exact":
                before[np.isnan(before)] = after[np.isnan(after)] = np.nan
                assert bits(before) == bits(after)
            else:
                close(after, before)


def close(mine, expected, rtol=1e-9):
    """Equal but for the rounding of what was added up."""
    size = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
    np.testing.assert_allclose(mine, expected, rtol=rtol, atol=rtol * size)


def calls(program):
    return [x.name for x in program.instructions() if not x.is_leaf]


def test_the_passes_do_what_they_are_for(monkeypatch):
    """One update for all parameters, dot products, squares added up once, and a product added by BLAS."""
    monkeypatch.setattr(plan, "LARGE", 12)
    monkeypatch.setattr(plan, "SMALL", 11)
    program = random_program(1)
    w, x, y, rate = program.inputs[0], *program.inputs[-3:]
    program = dataclasses.replace(
        program, changes=(Change(w, w - rate * (x @ y), "data"), *program.changes[1:])
    )
    found = planned(program, True)
    assert [flat.targets for flat in found.flats] == [program.inputs[1 : len(SHAPES)]]
    assert [change.value.name for change in found.changes if change.what == "data"] == [
        "add_product",
        "subtract",
    ]
    assert "vdot" in calls(found)
    squares = sum(call("sum", call("square", w), axis=None, keepdims=False) for w in program.inputs[1:4])
    changes = tuple(Change(w, w - rate * (0.1 * w), "data") for w in program.inputs[1:4])
    found = planned(Program(program.inputs, (), (squares,), changes), True)
    assert calls(found).count("vdot") == 1
    assert "pack" not in calls(found)
    assert calls(found).count("multiply") == 2


def of_rows(x, c, i):
    """One of the rows that are stacked: of a vector that all share and of one of its own, padded; `i` changes nothing of it."""
    inner = (c[1:] * x[:-1] - call("sin", x[1:])) * 2.0 + call("square", c[:-1])
    return call("scatter", inner, (5,), slice(1, None)) + c * (x * 3.0)


@pytest.mark.parametrize(
    ("row", "is_one"),
    [
        pytest.param(of_rows, True, id="alike"),
        pytest.param(lambda x, c, i: of_rows(x, c, i) * (2.0 + i), False, id="other numbers"),
        pytest.param(lambda x, c, i: c[i % 2 :][:3] * x[:3], False, id="other places"),
        pytest.param(lambda x, c, i: call("exp" if i else "sin", c) * x, False, id="other calls"),
        pytest.param(
            lambda x, c, i: c * call("sum", c, axis=None, keepdims=False), False, id="a sum of its own"
        ),
    ],
)
def test_rows_that_are_computed_alike_are_computed_as_one_array(row, is_one):
    """And only these; the results are the same."""
    x, cs = symbol("x", (5,)), [symbol(f"c{i}", (5,)) for i in range(9)]
    program = Program((x, *cs), (), (call("stack", [row(x, c, i) for i, c in enumerate(cs)], axis=0) + 1.0,))
    changed = in_rows(program)
    assert ("stack" not in calls(changed)) == is_one
    rng = np.random.default_rng(0)
    values = {part: rng.normal(size=5) for part in program.inputs}
    (before,), _ = results(program, values)
    (after,), _ = results(changed, values)
    assert before.shape == after.shape
    close(after, before, 1e-15)


@pytest.mark.parametrize("is_quick", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_the_source_gives_what_the_program_says(seed, is_quick, monkeypatch):
    """What is written over, put into buffers and added in place is what the program says, call after call."""
    monkeypatch.setattr(plan, "LARGE", 12)
    program = exact(random_program(seed))
    ready = planned(program, is_quick)
    run = function_of(Writer(ready, "f", is_quick).body, "f")
    for turn in range(3):
        values = numbers(program, turn, awkward=False)
        outs, new = results(program, values)
        given = {x: array.copy() for x, array in values.items()}
        for flat in ready.flats:
            given[flat.vector] = vector = np.concatenate([np.ravel(given[target]) for target in flat.targets])
            parts = np.split(vector, np.cumsum([given[t].size for t in flat.targets])[:-1])
            given |= {
                target: part.reshape(target.shape) for target, part in zip(flat.targets, parts, strict=True)
            }
        found, grads = quietly(run, *given.values())
        after = {(target, what): given[target] for target, what in new if what == "data"}
        after |= dict(zip([key for key in new if key[1] != "data"], grads, strict=True))
        pairs = [*zip(outs, found, strict=True), *((new[key], after[key]) for key in new)]
        for expected, mine in pairs:
            close(mine, expected, 1e-9 if is_quick else 0.0)


@pytest.mark.parametrize("seed", range(25))
def test_formulas_of_single_numbers_give_what_the_program_says(seed):
    """Element by element, for native code."""
    program = exact(random_program(seed))
    formulas = scalars(program, 100_000)
    values = numbers(program, 5, awkward=False)
    outs, new = results(program, values)
    inputs = [*values.values()]
    elements = {x.value: np.float64(inputs[i].flat[j]) for x, (i, j) in formulas.places.items()}
    for expected, array in zip([*outs, *new.values()], formulas.outputs, strict=True):
        mine = [quietly(value_of, x, elements) for x in array.flat]
        close(mine, expected.ravel())


def test_a_planted_fault_is_found(monkeypatch):
    """A sum that counts everything twice would be noticed."""
    monkeypatch.setattr(plan, "ones", lambda shape, dtype: constant(np.full(shape, 2.0, dtype)))
    with pytest.raises(AssertionError):
        for seed in range(25):
            test_a_pass_keeps_the_results("dotted", seed, monkeypatch)


def test_squares_of_all_parameters_are_the_vectors():
    """Also where one of them is a single number."""
    params = [ag.Tensor(np.arange(1.0, n + 1)) for n in (200, 1, 60)]

    def step(x):
        loss = ag.sum(params[0] * x) + 0.1 * sum(ag.sum(ag.square(p)) for p in params)
        grads = ag.gradients(loss, params)
        with ag.no_grad():
            for p, g in zip(params, grads, strict=True):
                p -= 0.01 * g  # noqa: PLW2901
        return loss

    compiled, x = ag.compile(step, engine="numpy"), np.ones(200)
    expected = sum(range(201)) + 0.1 * sum(float((p.data**2).sum()) for p in params)
    assert np.isclose(compiled(x), expected, rtol=1e-12)
    assert compiled.source.count("np.vdot(") == 2  # of weights and x, and of all parameters
    assert "np.vdot(flat, flat)" in compiled.source
