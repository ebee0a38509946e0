"""Options: which are secret, and how a scenario reads those of its shape."""

from __future__ import annotations

from unittest.mock import Mock

from harness.options import Option


def test_faults_and_their_tokens_are_secret_options() -> None:
    for name, secret in (("fault", True), ("fault_token", True), ("fault_path", False), ("default_s", False)):
        parser = Mock()
        Option(name, "", "x").add_to(parser)
        assert parser.add_argument.call_args.kwargs["is_secret"] is secret, name
