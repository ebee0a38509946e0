"""No user and no password of an address is shown, however the address is written."""

from __future__ import annotations

import pytest

from harness.safe_text import without_user_info


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:hush@host/x@y", "http://host/x@y"),
        ("redis://:hush@127.0.0.1:9?x=y", "redis://127.0.0.1:9?x=y"),
        ("redis:/:hush@127.0.0.1:9", "redis:/127.0.0.1:9"),
        ("--target-state :hush@127.0.0.1:9?x=y: cannot be read", "--target-state 127.0.0.1:9?x=y: cannot be read"),
        ("me:hush@host", "host"),
        ("ask a: b@c, or /d@e", "ask a: b@c, or /d@e"),
    ],
)
def test_what_stands_before_an_address_is_left_out(text: str, shown: str) -> None:
    assert without_user_info(text) == shown
