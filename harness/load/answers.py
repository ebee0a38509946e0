"""What of an answer is recorded, of any client: what became of the request, its status, and its media type."""

from __future__ import annotations

from typing import Any

from harness.load.media_types import media_type_of
from harness.load.outcomes import ExpectedStatuses, outcome_of
from harness.recording.values import OK

Recorded = tuple[str, int, str, int | None]
"""Outcome, status, media type (empty where somebody has checked the answer), and length of a body that nobody has
checked. A plain tuple, as one is made for each request."""


def recorded(
    exception: BaseException | None,
    response: Any,
    unchecked_bytes: int | None,
    expected: ExpectedStatuses | None = None,
) -> Recorded:
    """``exception`` and ``response`` are those of Locust's ``request`` event. ``expected``: by which an answer is
    judged whose client has not looked at its status; what its user has called a success is checked.
    """
    try:
        status = getattr(response, "status_code", 0)
        if type(status) is not int:
            status = 0
        if expected is None:
            outcome = OK if exception is None else outcome_of(exception, response)
        else:
            outcome = expected.outcome(exception, response, status) if status else outcome_of(exception, response)
            if getattr(response, "_manual_result", None) is True:
                unchecked_bytes = None
        if outcome is not OK:
            return outcome, status, "", unchecked_bytes
        if history := getattr(response, "history", None):
            status = _first_status(history) or status
        media_type = media_type_of(response) if status and unchecked_bytes is not None else ""
        return OK, status, media_type, unchecked_bytes
    except Exception as error:  # of what a user has called an answer: that it is good nobody knows
        return outcome_of(error, None), 0, "", unchecked_bytes


def _first_status(history: Any) -> int:
    """Of the first redirect that led to a good answer, which may be of another page than what was asked for; 0 where a
    client has something else of that name.
    """
    first = history[0] if isinstance(history, list | tuple) else None
    status = getattr(first, "status_code", 0)
    return status if type(status) is int else 0
