"""For PyTorch's habit `import autograd_mini.nn.functional as F`: our function of that name, or an error that names ours."""

import sys
from typing import Any


def __getattr__(name: str) -> Any:
    here = sys.modules[__name__.rpartition(".")[0]]
    package = sys.modules[__name__.partition(".")[0]]
    for module in (here, package):
        if name in module.__all__:
            return getattr(module, name)
    from ..support.advice import missing

    raise missing(here, name)
