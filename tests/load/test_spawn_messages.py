"""A spawn message holds a load process up for as little as may be."""

from __future__ import annotations

import pytest
from locust import argument_parser

from harness.run.worker import know_locusts_options_by_heart


def test_locusts_parser_is_built_once_and_not_for_each_option(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = argument_parser.setup_parser_arguments
    monkeypatch.setattr(argument_parser, "default_args_dict", argument_parser.default_args_dict)  # put back afterwards
    monkeypatch.setattr(argument_parser, "setup_parser_arguments", lambda parser: (built.append(1), real(parser)))
    know_locusts_options_by_heart()
    know_locusts_options_by_heart()
    names = ("host", "expect_workers", "herd_users", "p95_limit_s")
    assert [name in argument_parser.default_args_dict() for name in names] == [True, True, False, False]
    assert len(built) == 1
