"""Forms of HTML pages, as a login has them: hidden fields with a CSRF token, filled in and sent as a browser does.

A page is fetched and taken apart while the user gets ready, so only the filled-in form is sent when the user starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from harness.clients.address import strip_url
from harness.load.http.client import HttpClient
from harness.load.http.request import Request
from harness.load.http.response import Response
from harness.load.outcomes import outcome_of
from harness.load.pacing import NotReadyError

_NOT_SENT = frozenset(("submit", "image", "button", "reset", "file"))
_CHECKED = frozenset(("checkbox", "radio"))


class FormError(NotReadyError):
    """The page has no such form, or the form no such field; ``outcome`` is what the request for the page counts as."""

    def __init__(self, problem: str, outcome: str = "no such form") -> None:
        super().__init__(problem)
        self.outcome = outcome


@dataclass(frozen=True)
class Form:
    """A form of a page. ``repr`` shows no value: one may be a token."""

    page_url: str
    action: str
    """Where it is sent: a whole URL."""
    method: str
    values: dict[str, str]
    """As the page has filled it in, hidden fields included: name → value."""
    is_multipart: bool = False

    def __repr__(self) -> str:
        return f"<Form {self.method} {strip_url(self.action)}: {', '.join(self.values)}>"

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """All its fields, those in ``values`` with these. Raises FormError for a name that is no field of it."""
        if strange := [name for name in values if name not in self.values]:
            raise FormError(
                f"the form at {strip_url(self.page_url)} has no field {', '.join(strange)}; its fields are "
                f"{', '.join(self.values) or 'none'}"
            )
        return {**self.values, **values}

    def prepare(self, client: HttpClient, values: Mapping[str, str], **arguments: Any) -> Request:
        """The request that sends it, with ``Referer`` as a browser has it; further arguments as for
        :meth:`HttpClient.prepare`. Raises FormError for what cannot be sent so.
        """
        if self.is_multipart:
            raise FormError(f"the form at {strip_url(self.page_url)} is sent as multipart/form-data: use a stock class")
        headers = {"Referer": self.page_url, **arguments.pop("headers", {})}
        filled = self.filled(values)
        if self.method == "GET":
            return client.prepare("GET", self.action, headers=headers, params=filled, **arguments)
        return client.prepare("POST", self.action, headers=headers, data=filled, **arguments)


def fetch_form(client: HttpClient, path: str, *fields: str, name: str | None = None) -> Form:
    """The form with these fields on the page at ``path``. The request counts as failed where there is none.

    Raises FormError, with what there is instead.
    """
    with client.get(path, name=name, catch_response=True) as page:
        if page.error is not None:
            outcome = outcome_of(page.error, page)
            raise FormError(f"{strip_url(path)} was answered with {outcome}, and no page with a form", outcome)
        return form_of(page, *fields)


def form_of(page: Response, *fields: str) -> Form:
    """The first form of the page that has these fields. Raises FormError, with what there is instead."""
    found = _forms_of(page)
    for form in found:
        if all(field in form.values for field in fields):
            return form
    at = strip_url(page.url)
    if not found:
        raise FormError(f"{at} has no form; one with {', '.join(fields)} was looked for")
    nearest = max(found, key=lambda form: sum(field in form.values for field in fields))
    missing = ", ".join(field for field in fields if field not in nearest.values)
    raise FormError(f"{at} has no form with {missing}; one has the fields {', '.join(nearest.values) or 'none'}")


def has_form(page: Response, *fields: str) -> bool:
    """Whether the page has a form with these fields: a login that was refused mostly shows it again, as a 200."""
    return any(all(field in form.values for field in fields) for form in _forms_of(page))


def _forms_of(page: Response) -> list[Form]:
    parser = _Parser(page.url)
    parser.feed(page.text)
    parser.close()
    parser.end_form()
    return parser.forms


class _Parser(HTMLParser):
    """Collects forms. Of several submit buttons the first counts, as when somebody presses Enter."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._url = url
        self._form: Form | None = None
        self._has_button = False
        self._select = ""
        """Name of the list that is being read."""
        self._text_of = ""
        """Name of the field whose value is the text that follows."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag == "form":
            self.end_form()
            method = "POST" if given.get("method", "").strip().lower() == "post" else "GET"
            action = urljoin(self._url, given.get("action", "").strip())
            self._form = Form(self._url, action, method, {}, "multipart" in given.get("enctype", "").lower())
        elif self._form is None:
            return
        elif tag in ("input", "button"):
            self._field(given, given.get("type", "submit" if tag == "button" else "text").lower())
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            self._text_of = ""
            if "selected" in given or self._select not in self._form.values:
                self._form.values[self._select] = given.get("value", "")
                self._text_of = "" if "value" in given else self._select
        elif tag == "textarea" and (name := given.get("name", "")):
            self._form.values[name], self._text_of = "", name

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._text_of and self._form is not None:
            self._form.values[self._text_of] += data.strip() if self._select else data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.end_form()
        elif tag in ("select", "textarea", "option"):
            self._text_of = ""
            self._select = self._select if tag == "option" else ""

    def end_form(self) -> None:
        if self._form is not None:
            self.forms.append(self._form)
        self._form, self._has_button = None, False
        self._select = self._text_of = ""

    def _field(self, given: Mapping[str, str], kind: str) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if kind == "submit" and not self._has_button:
            self._has_button = True
            if name:
                self._form.values[name] = given.get("value", "")
        if not name or "disabled" in given or kind in _NOT_SENT:
            return
        if kind not in _CHECKED:
            self._form.values[name] = given.get("value", "")
        elif "checked" in given:
            self._form.values[name] = given.get("value", "on")
