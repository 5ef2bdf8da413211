"""Programs run operation by operation, by IEEE arithmetic: what everything else that runs one is held to."""

from typing import Any

import numpy as np

from autograd_mini.core.readings import ERRORS, arrays, scalar
from autograd_mini.symbols import OPERATORS, PARTS, invoke


def evaluate(program: Any, values: Any) -> Any:
    """All results' values; floats by Python's functions, and again by NumPy's where those raise. None where a guard differs."""
    floats, found = program.kinds(), dict(values)
    outcomes = {guard.test: guard.outcome for guard in program.guards}
    for x in program.instructions():
        if x.name == "constant":
            found[x] = x.value
        elif x.name != "symbol":
            found[x] = _value(x, [found[part] for part in x.args], x in floats)
        if x in outcomes and bool(found[x]) != outcomes[x]:
            return None
    return [found[x] for x in program.results]


def _value(x: Any, operands: list[Any], is_float: bool) -> Any:
    spaces = [scalar, arrays] if is_float and x.name != "getitem" else [arrays]
    for xp in spaces:
        function = OPERATORS.get(x.name) or getattr(xp, x.name)
        try:
            found = invoke(function, operands, x.keywords)
        except ERRORS:
            if xp is spaces[-1]:
                raise
            operands = [np.float64(one) if isinstance(one, float) else one for one in operands]
            continue
        if x.name in PARTS or x.shape is None:
            return found
        return (bool(found) if x.dtype == bool else float(found)) if is_float else np.asarray(found)
    raise AssertionError
