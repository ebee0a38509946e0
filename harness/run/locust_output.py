"""What Locust itself writes: its log and its pages without secrets, for both hold addresses and messages as users,
libraries and the target gave them. The log is also without what has been said already, and without characters that
change how a terminal shows the text around them.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection
from typing import Any

import locust.main
from jinja2.utils import htmlsafe_json_dumps
from locust.exception import StopTest

from harness.safe_text import safe, without_user_info, without_values

HIDDEN = "•••"
_DATA = re.compile(r"(window\.templateArgs = )(\{.*\})")
"""In Locust's page and its report: the rest of them is code."""


def hide(secrets: Callable[[], Collection[str]]) -> None:
    """From now on, in this process. ``secrets`` are those of the run that goes; called again, the new ones hold."""
    for logger in (logging.root, *map(logging.getLogger, ("locust", "locust.stats_logger"))):
        for handler in logger.handlers:
            before = handler.formatter
            inner = before.inner if isinstance(before, _Formatter) else before or logging.Formatter()
            handler.setFormatter(_Formatter(inner, secrets()))
    main: Any = locust.main
    report = getattr(main.get_html_report, "inner", main.get_html_report)

    def report_without_secrets(*arguments: Any, **named: Any) -> str:
        return hidden_in_page(report(*arguments, **named), secrets())

    report_without_secrets.inner = report  # type: ignore[attr-defined]
    main.get_html_report = report_without_secrets


class NothingNew(logging.Filter):
    """Drops what Locust logs and what is known: a high spawn rate, because parked users are meant to be there at once,
    and why a run of ours was not started (``said``), which the report or the log has told in our words.
    """

    said: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        words = str(record.msg)
        is_ours = self.said is not None and (
            words == "Stopping Locust..." or (isinstance(record.msg, StopTest) and words == self.said)
        )
        return not is_ours and "spawn rate is very high" not in words


class _Formatter(logging.Formatter):
    def __init__(self, inner: logging.Formatter, secrets: Collection[str]) -> None:
        super().__init__()
        self.inner = inner
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return safe(hidden(self.inner.format(record), self._secrets))


def hidden(text: str, secrets: Collection[str]) -> str:
    """The text without user info in addresses, and without these values."""
    text = without_user_info(text)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return without_values(text, HIDDEN)


def hidden_in(value: Any, secrets: Collection[str]) -> Any:
    """A document of JSON with its texts so changed. Its keys stay: a password may be a word that is one of them."""
    if isinstance(value, str):
        return hidden(value, secrets)
    if isinstance(value, list):
        return [hidden_in(each, secrets) for each in value]
    if isinstance(value, dict):
        return {key: hidden_in(each, secrets) for key, each in value.items()}
    return value


def hidden_in_page(page: str, secrets: Collection[str]) -> str:
    """A page of Locust's, with its data so changed."""

    def hidden_data(found: re.Match[str]) -> str:
        try:
            data = json.loads(found[2])
        except ValueError:
            return found[1] + "{}"
        return found[1] + str(htmlsafe_json_dumps(hidden_in(data, secrets)))

    return _DATA.sub(hidden_data, page)
