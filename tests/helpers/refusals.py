"""What a refusal must be: of the right kind, with the words that help, and nothing changed."""

import contextlib

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Value

BUILTIN = {ag.GraphError: RuntimeError, ag.ShapeError: ValueError, ag.DTypeError: TypeError}


def recording():
    """Whether operations are recorded here and now, found out as a user would."""
    return (Value(1.0) * 2.0).requires_grad


def state(node):
    """All of a node that an error might have spoilt."""
    return (
        np.array(node.data),
        None if node.grad is None else np.array(node.grad),
        node.requires_grad,
        node.parents,
        node.label,
    )


@contextlib.contextmanager
def refused(kind, *texts, unchanged=()):
    """What is inside raises `kind` (and the built-in that goes with it), says every text, and changes neither nodes nor mode."""
    before, mode = [state(node) for node in unchanged], recording()
    with pytest.raises(kind) as caught:
        yield caught
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    for text in texts:
        assert text in message, f"{text!r} is not in {message!r}"
    assert isinstance(caught.value, BUILTIN.get(kind, kind))
    assert recording() is mode
    for node, old in zip(unchanged, before, strict=True):
        for now, then in zip(state(node), old, strict=True):
            if isinstance(then, np.ndarray):
                np.testing.assert_array_equal(now, then)
            else:
                assert now is then or now == then
