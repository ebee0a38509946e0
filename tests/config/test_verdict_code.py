"""The exit code of a run, as the process of the run tells it to the one that has started it."""

from __future__ import annotations

import os

import pytest

from harness.commands.launched_locust import _last_code


@pytest.mark.parametrize(("codes", "last"), [(b"", None), (b"\x04", 4), (b"\x04" * 20_000 + b"\x03", 3)])
@pytest.mark.parametrize("held_open", [False, True])
def test_the_last_code_holds_however_many_there_are(codes: bytes, last: int | None, held_open: bool) -> None:
    """A web session may have had many runs, and may have left a process behind that holds the other end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.write(writing, codes)
    try:
        if not held_open:
            os.close(writing)
        assert _last_code(reading) == last
    finally:
        os.close(reading)
        if held_open:
            os.close(writing)
