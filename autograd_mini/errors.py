"""The exceptions of autograd_mini. Each also derives from the built-in that fits, so both ways of catching it work.

AutogradError
├── GraphError           (RuntimeError)        the graph is cut, misused or asked for what it does not hold
├── ShapeError           (ValueError)          shapes that do not fit
├── DTypeError           (TypeError)           data of a kind that cannot be differentiated
├── AnomalyError         (FloatingPointError)  a NaN or an infinity where a number was needed
├── StateDictError       (ValueError)          saved parameters that do not fit the model
├── SerializationError   (ValueError)          a file that is not what it claims
├── CompileError         (RuntimeError)        a function that cannot be recorded or replayed
└── GraphTooLargeError   (ValueError)          a graph too large for what was asked
"""


class AutogradError(Exception):
    """What every exception of autograd_mini derives from.

    >>> issubclass(ShapeError, AutogradError) and issubclass(ShapeError, ValueError)
    True
    """


class GraphError(AutogradError, RuntimeError):
    """The graph is cut, misused, or asked for something that it does not hold."""


class ShapeError(AutogradError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(AutogradError, TypeError):
    """Data of a kind that cannot be differentiated."""


class AnomalyError(AutogradError, FloatingPointError):
    """A NaN or an infinity where a finite number was needed."""


class StateDictError(AutogradError, ValueError):
    """Saved parameters that do not fit the model."""


class SerializationError(AutogradError, ValueError):
    """A file that is not what it claims to be."""


class CompileError(AutogradError, RuntimeError):
    """A function that cannot be recorded or replayed."""


class GraphTooLargeError(AutogradError, ValueError):
    """A graph too large for what was asked of it."""


def noted(error: Exception, note: str) -> Exception:
    """The error, with a note unless it bears that already."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error


def advice(error: Exception) -> str:
    """What to do where a rule writes into what it was given."""
    if "read-only" not in str(error):
        return ""
    return (
        ": what a rule is given is read-only, as others hold it too: let it compute a new array, g = g * mask"
    )


def explained(error: Exception, name: str, shapes: list[tuple[int, ...]], ours: bool) -> Exception:
    """What to raise for an error of an operation: NumPy's told again with its name and shapes, a user's own with a note."""
    given, (x, y) = ", ".join(map(str, shapes)), [*shapes, ()][:2]
    if ours and isinstance(error, IndexError):
        return IndexError(f"{name}: {error} (shape {x})")
    if ours and name in ("matmul", "linear") and x and y and x[-1] != y[-2:][0]:
        return ShapeError(f"{name}: {x} @ {y}: inner sizes {x[-1]} and {y[-2:][0]} differ")
    if ours and isinstance(error, ValueError) and "Singular" not in str(error):
        return ShapeError(f"{name}: {given}: {error}")
    return noted(error, f"raised by operation {name!r} on shapes {given}{advice(error)}")
