"""The options of Locust's web UI: the same as Locust finds, but not looked through again for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from locust.argument_parser import LocustArgumentParser, get_parser, ui_extra_args_dict

from harness.web import shown_options


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LocustArgumentParser]]:
    """Each time that Locust looks through all options for those that it shows."""
    times: list[LocustArgumentParser] = []
    for name in shown_options.PROPERTIES:
        monkeypatch.setattr(LocustArgumentParser, name, getattr(LocustArgumentParser, name))
    found = LocustArgumentParser.args_included_in_web_ui

    def look(parser: LocustArgumentParser) -> Any:
        times.append(parser)
        return found.__get__(parser)

    monkeypatch.setattr(LocustArgumentParser, "args_included_in_web_ui", property(look))
    shown_options.look_up_once.cache_clear()
    yield times
    shown_options.look_up_once.cache_clear()


def test_a_page_looks_through_them_once(looked: list[LocustArgumentParser], monkeypatch: pytest.MonkeyPatch) -> None:
    def with_ours() -> LocustArgumentParser:
        parser = get_parser()
        for number in range(20):
            parser.add_argument(f"--ours-{number}", is_secret=number == 3, is_required=number == 4)
        return parser

    monkeypatch.setattr("locust.argument_parser.get_parser", with_ours)
    as_ever = ui_extra_args_dict([])
    often = len(looked)
    shown_options.look_up_once()
    shown_options.look_up_once()
    assert ui_extra_args_dict([]) == as_ever
    assert as_ever["ours_3"]["is_secret"] and as_ever["ours_4"]["is_required"] and not as_ever["ours_5"]["is_secret"]
    assert len(looked) - often == 1 < often


@pytest.mark.usefixtures("looked")
def test_an_option_that_comes_later_is_found() -> None:
    shown_options.look_up_once()
    parser = get_parser()
    assert "later" not in parser.args_included_in_web_ui
    parser.add_argument("--later", is_secret=True)
    assert "later" in parser.args_included_in_web_ui and "later" in parser.secret_args_included_in_web_ui
