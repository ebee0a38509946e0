"""The fields of the web form: what stands in them, and which of them a problem stands beside."""

from __future__ import annotations

from harness.plugins import Parameter
from harness.web.form_fields import _field, by_field


def test_a_problem_of_the_address_stands_beside_the_field_of_the_host() -> None:
    """It begins with the address itself, and names no option; so the page would tell it far from the field."""
    problems = ["127.0.0.1:80: the address has no scheme", "the host is empty", "--herd-users -5: give a number"]
    assert [name for name, _ in by_field(problems, {"herd_users"}, " 127.0.0.1:80")] == ["host", "host", "herd_users"]
    assert by_field(["two classes of users"], set()) == [["", "two classes of users"]]


def test_a_run_leaves_the_fields_as_they_were() -> None:
    """It reads a 10 as a 10.0, and a list as a tuple."""
    for kind, read, shown in ((float, 10.0, "10"), (float, 0.05, "0.05"), (tuple[int, ...], (80, 81), "80,81")):
        assert _field(Parameter("base", kind, 1), {"base": read})["value"] == shown
