"""The mistakes that the check tools name: a stable name for each, and one sentence that says what it is (mistakes.toml).

>>> MISTAKES["wrong_sign"]
'The sign is wrong: what is subtracted should be added, or the reverse.'
"""

import tomllib
from pathlib import Path

TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
FIXES: dict[str, str] = TABLES.pop("fixes")
COSTS: dict[str, float] = TABLES.pop("costs")
REPLACEMENTS: dict[str, str] = TABLES.pop("replacements")
MISTAKES: dict[str, str] = {name: text for table in TABLES.values() for name, text in table.items()}
TRAINING_MISTAKES = TABLES["training"] | {name: MISTAKES[name] for name in ("not_zeroed", "softmax_twice")}
