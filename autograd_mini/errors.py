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
