"""Which field of the web form a problem stands beside."""

from __future__ import annotations

from harness.web.form_fields import by_field


def test_a_problem_of_the_address_stands_beside_the_field_of_the_host() -> None:
    """It begins with the address itself, and names no option; so the page would tell it far from the field."""
    problems = ["127.0.0.1:80: the address has no scheme", "the host is empty", "--herd-users -5: give a number"]
    assert [name for name, _ in by_field(problems, {"herd_users"}, " 127.0.0.1:80")] == ["host", "host", "herd_users"]
    assert by_field(["two classes of users"], set()) == [["", "two classes of users"]]
