"""Whatever NumPy takes as an index adds up where it repeats, is a copy of its own, and is an index: not a masked array, no floats."""

import array
import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import autograd_mini as ag
from tests.helpers.peers import torch
from tests.right.orders import levels, near

X = np.arange(1.0, 13.0).reshape(3, 4) / 7.0
FORMS: dict[str, Callable[[list[int]], Any]] = {
    "list": list,
    "tuple": tuple,
    "ndarray": np.array,
    "int32": lambda places: np.array(places, np.int32),
    "array.array": lambda places: array.array("q", places),
    "memoryview": lambda places: memoryview(array.array("q", places)),
    "deque": collections.deque,
    "pandas Series": pandas.Series,
    "pandas Index": pandas.Index,
    "torch tensor": torch.tensor,
    "strided": lambda places: np.array([places, places]).T[:, 0],
}
PLACES: dict[str, list[int]] = {"twice": [0, 0], "negative": [-1, 2, 2, -1], "one": [1], "all": [0, 1, 2]}
# what stands around the array-like, so that it is not itself taken for a tuple of indices
AROUND: dict[str, Callable[[Any], Any]] = {
    "after a slice": lambda index: (slice(None), index),
    "before a slice": lambda index: (index, slice(1, 3)),
    "beside a number": lambda index: (index, 1),
    "beside itself": lambda index: (index, index),
    "after an ellipsis": lambda index: (..., index),
    "with a new axis": lambda index: (None, index),
}


def plain(index: Any) -> Any:
    return tuple(
        np.asarray(part) if not isinstance(part, slice | int) and part not in (None, ...) else part
        for part in index
    )


CASES = [
    pytest.param(FORMS[form], PLACES[places], AROUND[around], id=f"{form} {places} {around}")
    for form in FORMS
    for places in PLACES
    for around in AROUND
]


def wanted_gradient(index: Any, g: Any) -> np.ndarray:
    out = np.zeros(X.shape)
    np.add.at(out, index, g)
    return out


def clean(index: list[int]) -> np.ndarray:
    return np.array(index)


@pytest.mark.parametrize(("form", "places", "around"), CASES)
def test_repeated_places_add_up(form: Any, places: list[int], around: Any) -> None:
    """x[index] of any array-like: NumPy's value, a gradient that adds up, and a second derivative that does."""
    index, same = around(form(places)), around(clean(places))
    x = ag.Tensor(X)
    out = x[index]
    near(out.data, X[same])
    near(ag.gradients((out**3).sum(), x), wanted_gradient(same, 3.0 * X[same] ** 2))
    found = levels(lambda x: x[index] ** 3, [ag.Tensor(X)], 3)
    reference = levels(lambda x: x[same] ** 3, [ag.Tensor(X)], 3)
    for ours, theirs in zip(found, reference, strict=True):
        near(ours[0], theirs[0])


@pytest.mark.parametrize("form", [pytest.param(FORMS[name], id=name) for name in FORMS if name != "tuple"])
def test_an_array_like_alone_is_an_index_of_rows(form: Any) -> None:
    x = ag.Tensor(X)
    near(ag.gradients(x[form([0, 0, 2])].sum(), x), np.array([2.0, 0.0, 1.0])[:, None] * np.ones((3, 4)))


@pytest.mark.parametrize("form", [pytest.param(FORMS[name], id=name) for name in FORMS])
def test_scatter_adds_up(form: Any) -> None:
    """scatter at the same places: values add up, and each receives its own gradient."""
    x = ag.Tensor([1.0, 2.0, 4.0])
    out = ag.scatter(x, (2, 3), (form([0, 0, 1]), form([2, 2, 0])))
    near(out.data, [[0.0, 0.0, 3.0], [4.0, 0.0, 0.0]])
    near(ag.gradients((out * out).sum(), x), [6.0, 6.0, 8.0])


@pytest.mark.parametrize("form", [pytest.param(FORMS[name], id=name) for name in FORMS])
def test_index_update_keeps_the_last_written(form: Any) -> None:
    x, v = ag.Tensor(X), ag.Tensor([5.0, 6.0])
    out = ag.index_update(x, (form([1, 1]), form([2, 2])), v)
    assert out.data[1, 2] == 6.0
    gx, gv = ag.gradients((out * out).sum(), [x, v])
    near(gv, [0.0, 12.0])
    assert gx[1, 2] == 0.0


@pytest.mark.parametrize("form", [pytest.param(FORMS[name], id=name) for name in FORMS])
def test_to_value_takes_such_an_index(form: Any) -> None:
    x = ag.Tensor(X)
    near(ag.gradients(ag.to_value(x, (form([1]), form([2]))) ** 2, x), wanted_gradient((1, 2), 2.0 * X[1, 2]))


WRITABLE = ["ndarray", "list", "array.array", "memoryview", "deque", "int32"]


@pytest.mark.parametrize("form", [pytest.param(FORMS[name], id=name) for name in WRITABLE])
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a tuple"])
def test_an_index_changed_after_the_forward_pass_changes_nothing(form: Any, nested: bool) -> None:
    """The index is read once: what is written into it before backward() is not seen."""
    index = form([0, 2])
    x = ag.Tensor(X)
    out = x[(slice(0, 2), index) if nested else index].sum()
    index[0] = 1
    same = (slice(0, 2), [0, 2]) if nested else [0, 2]
    near(ag.gradients(out, x), wanted_gradient(same, 1.0))


def test_indices_along_an_axis_changed_after_the_forward_pass() -> None:
    places = np.array([[0, 0], [1, 1], [2, 2]])
    x = ag.Tensor(X)
    out = (ag.take_along_axis(x, places, 1) ** 2).sum()
    places[:] = 3
    wanted = np.zeros(X.shape)
    wanted[[0, 1, 2], [0, 1, 2]] = 4.0 * X[[0, 1, 2], [0, 1, 2]]
    near(ag.gradients(out, x), wanted)


@pytest.mark.parametrize(
    "form",
    [np.array, lambda m: m, memoryview, collections.deque],
    ids=["ndarray", "list", "memoryview", "deque"],
)
def test_a_mask_of_booleans(form: Any) -> None:
    mask = np.array([True, False, True])
    given = form(mask.tolist() if form not in (np.array, memoryview) else mask)
    x = ag.Tensor(X)
    near(x[given].data, X[mask])
    near(ag.gradients((x[given] ** 2).sum(), x), 2.0 * X * mask[:, None])


MASKED = np.ma.array([0, 1], mask=[False, True])
USES: dict[str, Callable[[Any], Any]] = {
    "getitem": lambda index: ag.Tensor(X)[index],
    "in a tuple": lambda index: ag.Tensor(X)[:, index],
    "in a list": lambda index: ag.Tensor(X)[[index, index]],
    "ag.getitem of raw data": lambda index: ag.getitem(X, index),
    "scatter": lambda index: ag.scatter(ag.Tensor([1.0, 2.0]), (3,), index),
    "index_update": lambda index: ag.index_update(ag.Tensor(X), index, 0.0),
    "take_along_axis": lambda index: ag.take_along_axis(ag.Tensor([1.0, 2.0]), index, 0),
    "np.take_along_axis": lambda index: np.take_along_axis(ag.Tensor([1.0, 2.0]), index, 0),
    "to_value": lambda index: ag.to_value(ag.Tensor(X), index),
    "cross_entropy": lambda index: ag.nn.cross_entropy(ag.Tensor(np.zeros((2, 3))), index),
    "nll": lambda index: ag.nn.nll(ag.log_softmax(ag.Tensor(np.zeros((2, 3)))), index),
}


@pytest.mark.parametrize("use", [pytest.param(use, id=name) for name, use in USES.items()])
def test_a_masked_array_is_no_index(use: Any) -> None:
    """The mask would be dropped: DTypeError says to fill it."""
    with pytest.raises(ag.DTypeError, match="filled"):
        use(MASKED)


@pytest.mark.parametrize(
    "mask",
    [np.ma.array([True, False, True], mask=[True, False, False]), np.ma.masked],
    ids=["booleans", "masked"],
)
def test_a_masked_mask_is_no_index(mask: Any) -> None:
    with pytest.raises(ag.DTypeError, match=r"filled|masked"):
        ag.Tensor(X)[mask]


@pytest.mark.parametrize(
    "form", [tuple, collections.deque, lambda p: array.array("d", p), pandas.Series, torch.tensor]
)
def test_floats_are_no_index(form: Any) -> None:
    with pytest.raises(IndexError, match="integers"):
        ag.Tensor(X)[:, form([0.0, 1.0])]


def test_an_empty_array_of_floats_is_no_index() -> None:
    """As for NumPy: an empty list is one of places, an empty array of floats is not."""
    assert ag.Tensor(X)[[]].shape == X[[]].shape
    with pytest.raises(IndexError, match="integers"):
        ag.Tensor(X)[np.array([])]


def test_a_node_deep_in_an_index_is_refused() -> None:
    with pytest.raises(ag.DTypeError, match="plain integers"):
        ag.Tensor(X)[:, [ag.Value(0.0), ag.Value(1.0)]]
    with pytest.raises(ag.DTypeError, match="plain integers"):
        ag.Tensor(X)[:, (ag.Value(0.0), 1)]


def test_a_place_out_of_range_is_named() -> None:
    with pytest.raises(IndexError, match="4"):
        ag.Tensor(X)[:, (0, 4)]
    with pytest.raises(IndexError, match="4"):
        ag.Tensor(X)[:, collections.deque([0, 4])]
