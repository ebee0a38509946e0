"""Attempts behind an answer of Locust's HttpUser, where a task has given its session an adapter that tries again, as
``HTTPAdapter(max_retries=Retry(3, status_forcelist=[503]))``: who tries again at once hides that a target turns away
every first attempt. Of our own client each attempt is counted where it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.load.outcomes import outcome_of
from harness.load.present_node import node_if_any
from harness.recording.values import OK

FIRST_ERROR = 400


def count_attempts(session: Any, name: str, response: Any, begun_s: float, done_s: float) -> None:
    """Tells the node of the run of all attempts of one request; of how long each took nobody knows, so each took an
    equal part. Nothing where nobody was to try again.
    """
    if (outcomes := list(_outcomes(response))) and (node := node_if_any(session.user)) is not None:
        each_s = (done_s - begun_s) / len(outcomes)
        for number, outcome in enumerate(outcomes):
            sent_s = begun_s + number * each_s
            node.attempt_ended(sent_s, sent_s + each_s, name, outcome)


def _outcomes(response: Any) -> Iterator[str]:
    """urllib3 keeps what it has tried with the answer; there is none where the last attempt had none either."""
    retries = getattr(getattr(response, "raw", None), "retries", None)
    before = [each for each in getattr(retries, "history", ()) if not each.redirect_location]
    if retries is None or not (before or retries.total):
        return
    for each in before:
        yield f"http {each.status}" if each.status else outcome_of(each.error, None)
    status = response.status_code
    yield OK if status < FIRST_ERROR else f"http {status}"
