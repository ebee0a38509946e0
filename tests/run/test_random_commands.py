"""Random command lines, made by real processes; docs/safety.md names the promise. Many more by hand:
``python -m tests.run.random_commands 200``.
"""

from __future__ import annotations

import secrets

from tests.run.random_commands import KINDS, try_many
from tests.run.together import beside


@beside
def test_one_of_each_kind_ends_in_time_with_a_documented_code_and_leaves_nobody() -> None:
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")
    found = try_many(len(KINDS), seed)
    assert not found, f"seed {seed}:\n" + "\n\n".join(found)
