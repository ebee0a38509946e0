"""See the package."""

from __future__ import annotations

import signal
import sys

from tests.damaged_recordings.trial import try_many

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it leaves in the background without it
number, seed, every = ([int(word) for word in sys.argv[1:]] + [1000, 1, 100][len(sys.argv) - 1 :])[:3]
seen = try_many(number, seed, every)
for what, cases in (
    ("crashed", seen.crashed),
    ("hung", seen.hung),
    ("passed falsely", seen.passed_falsely),
    ("passed, as no seal shows the damage", seen.passed_unseen),
):
    for case in cases[:20]:
        print(f"{what}: {case}")
print(seen)
sys.exit(bool(seen.crashed or seen.hung or seen.passed_falsely))
