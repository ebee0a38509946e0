"""What counts as an answer: its status, what its body has to hold, and which statuses are the service's way to say no.

Statuses are given as a number, a text (``"2xx,404"``) or several of these (``(200, "3xx")``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.load.http.errors import HttpError, ShedError, UnexpectedStatusError
from harness.load.outcomes import retry_after_s

if TYPE_CHECKING:
    from harness.load.http.response import Response

Statuses: TypeAlias = int | str | Iterable[int | str]
DEFAULT_STATUSES = "2xx"
_CLASS = re.compile(r"[1-5]xx\Z", re.IGNORECASE)
_STATUS = re.compile(r"[1-5][0-9][0-9]\Z")
ANY = ...
"""In ``expect_json``: the field has to be there, whatever its value."""


def statuses(given: Statuses) -> frozenset[int]:
    """Raises ValueError for what is no status."""
    if isinstance(given, int | str):
        return _of_text(str(given))
    return frozenset().union(*(_of_text(str(each)) for each in given))


@functools.lru_cache(maxsize=100)
def _of_text(text: str) -> frozenset[int]:
    return frozenset(status for part in text.split(",") if part.strip() for status in _of_part(part.strip()))


def _of_part(part: str) -> Iterator[int]:
    if _CLASS.match(part):
        first = int(part[0]) * 100
        yield from range(first, first + 100)
    elif _STATUS.match(part):
        yield int(part)
    else:
        raise ValueError(f"{part!r} is no status: give 200, 2xx, or several with commas")


@dataclass(frozen=True, eq=False)
class Expectation:
    """Of the answers of a client, or of one request."""

    statuses: frozenset[int] = field(default_factory=lambda: statuses(DEFAULT_STATUSES))
    """Good ones; where redirects are followed, of the last answer."""
    shed: frozenset[int] = frozenset()
    """With which the service turns requests away on purpose, e.g. 429."""
    text: str | None = None
    """Has to be somewhere in the body."""
    json: Any = None
    """Has to be in the JSON of the body: of an object each field that is named here, anything else as it is."""

    def but(
        self,
        expect: Statuses | None = None,
        shed: Statuses | None = None,
        expect_text: str | None = None,
        expect_json: Any = None,
    ) -> Expectation:
        """With these in place of what is expected otherwise. Raises ValueError for what is no status."""
        return Expectation(
            self.statuses if expect is None else statuses(expect),
            self.shed if shed is None else statuses(shed),
            self.text if expect_text is None else expect_text,
            self.json if expect_json is None else expect_json,
        )

    @functools.cached_property
    def is_of_status(self) -> bool:
        """Whether the good statuses are all that there is to look for."""
        return not self.shed and not self.checks_body

    @functools.cached_property
    def checks_body(self) -> bool:
        return self.text is not None or self.json is not None

    def error_of(self, response: Response) -> HttpError | None:
        """Why the answer is none that was expected, or None."""
        status = response.status_code
        if status in self.shed:
            return ShedError(status, retry_after_s(response))
        if status not in self.statuses:
            return UnexpectedStatusError(status)
        problem = self._body_problem(response) if self.checks_body else None
        return HttpError(problem) if problem else None

    def _body_problem(self, response: Response) -> str | None:
        if self.text is not None and self.text not in response.text:
            return f"no {self.text!r} in the answer"
        if self.json is None:
            return None
        try:
            found = response.json()
        except ValueError:
            return "the answer is not JSON"
        return difference(self.json, found)


def difference(wanted: Any, found: Any, path: str = "") -> str | None:
    """What is missing or different, with its path in the document; None when all that is wanted is there."""
    if wanted is ANY:
        return None
    if not isinstance(wanted, Mapping):
        return None if wanted == found else f"{path or 'the answer'} is not {wanted!r}"
    if not isinstance(found, Mapping):
        return f"{path or 'the answer'} is no object"
    for name, value in wanted.items():
        where = f"{path}.{name}" if path else str(name)
        if name not in found:
            return f"no {where} in the answer"
        if problem := difference(value, found[name], where):
            return problem
    return None
