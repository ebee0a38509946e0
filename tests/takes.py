"""Requests under a rate limit, made up by hand."""

from __future__ import annotations

from dataclasses import replace

from harness import criteria
from harness.findings import Finding
from harness.recording import ADMITTED, BYPASS, REFUSED, TAKE, CriterionSpec, Operation, Recording

SIGNS = {"+": ADMITTED, "-": REFUSED, "o": BYPASS, "?": ""}


def take(
    at_s: float, sign: str = "+", key: str = "k", *, end_s: float | None = None, left: int | None = None, by: str = "a1"
) -> Operation:
    """``+`` is admitted, ``-`` refused, ``o`` let through without a look, ``?`` none of these; at once, where no end is
    given.
    """
    return Operation(key, "s", TAKE, left, at_s, at_s if end_s is None else end_s, "stream", by, SIGNS[sign])


def unanswered(at_s: float) -> Operation:
    return replace(take(at_s, "?"), return_s=None)


def judged(criterion: str, run: Recording, **parameters: object) -> Finding:
    spec = CriterionSpec(criterion, parameters)  # type: ignore[arg-type]
    return criteria.load(spec).judge(run)
