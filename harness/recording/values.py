"""What the lines of a recording are made of: types with their ranges, and the outcomes of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta

DAY_S = 86_400
LONGEST_RUN_S = 7 * DAY_S

Instant: TypeAlias = Annotated[float, Meta(ge=-LONGEST_RUN_S, le=2 * LONGEST_RUN_S)]
"""Seconds after the origin. How far off the plan it may be is seen when the plan is known."""
Second: TypeAlias = Annotated[int, Meta(ge=-LONGEST_RUN_S, le=2 * LONGEST_RUN_S)]
PlannedSecond: TypeAlias = Annotated[int, Meta(ge=0, le=LONGEST_RUN_S)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=10**9)]
"""Of what one load process counts in one second, or reports at once. So sums stay exact as floats, below 2**53."""
Size: TypeAlias = Annotated[int, Meta(gt=-(2**53), lt=2**53)]
Total: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
Level: TypeAlias = Annotated[float, Meta(ge=0, le=10**7)]
"""Users, or starts per second."""
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST_RUN_S)]
Microseconds: TypeAlias = Annotated[int, Meta(ge=-LONGEST_RUN_S * 10**6, le=LONGEST_RUN_S * 10**6)]
Busy: TypeAlias = Annotated[float, Meta(ge=-1e9, le=1e12)]
"""Seconds of many users together."""
HIGHEST_BUCKET = 23_220
Bucket: TypeAlias = Annotated[int, Meta(ge=0, le=HIGHEST_BUCKET)]
"""Index in a histogram; the last one is that of an hour."""
HIGHEST_SIZE_BUCKET = 407
SizeBucket: TypeAlias = Annotated[int, Meta(ge=0, le=HIGHEST_SIZE_BUCKET)]
"""Index in a histogram of lengths; the last one is that of 2**53 - 1 bytes."""

ATTEMPT = "attempt"
"""Kind of a request that is an attempt of a WebSocket user to come back; its name follows."""
OK = "ok"
UNFINISHED = "unfinished"
"""Outcome of a request that had begun and had no answer when the run ended. It has no latency."""
NOT_TRIED = "not tried"
"""Outcome of a return that nobody has tried, because the users are not of the kind that comes back."""
UNSERVED = "unserved"
"""Outcome of an arrival that was due and never found a free user. It has no latency."""
UNSENT = "no request"
"""Outcome of an iteration that began and ended without a request. It has no latency."""
CENSORED = "no answer when the run was cut off"
"""Not an outcome of a recording but of its judging, see :func:`harness.analysis.phases.settled`: ok or failed, nobody
knows. Its latency is the time that it had waited, so the true one is longer.
"""

INTERRUPTED = "interrupted"
"""Outcome of an iteration whose user was stopped on our side before there was an answer. It has no latency; it says
nothing about the target, and is load that was not made.
"""
BLOCKED = "blocked"
"""Outcome of a request whose connection we did not make, because nobody has consented to load its host. It says nothing
about the target.
"""
USER_EXCEPTION = "user exception"
"""Outcome of an iteration in which users' code raised, though no request of it had failed. It has no latency."""
SHED = "shed"
"""Outcome of a request that the service turned away with a status declared for that, and with a ``Retry-After``."""
SHED_WITHOUT_DELAY = "shed without Retry-After"
"""The same, without a valid ``Retry-After``."""
ITERATION = "(iteration)"
"""Name of an iteration that has no request to be counted by: it had none, or was cut off before its first was known."""

OTHER_NAMES = "(other names)"
"""Name under which requests are counted when there are too many names to keep apart."""
OTHER_MEDIA_TYPES = "(other types)"
"""Media type under which answers are counted when those of their name have too many to keep apart."""

Scalar: TypeAlias = float | int | str | bool | None
Sparse: TypeAlias = Mapping[Bucket, Count]
"""Histogram: bucket index → count."""
Sizes: TypeAlias = Mapping[SizeBucket, Count]
"""The same of lengths."""
