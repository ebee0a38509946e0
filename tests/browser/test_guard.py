"""The guard's rules, one request each."""

from __future__ import annotations

import pytest

from harness.web.guard import names, refusal


@pytest.mark.parametrize(
    ("web_host", "display", "host"),
    [
        ("127.0.0.1", "", "127.0.0.1:8089"),
        ("127.0.0.1", "", "localhost:8089"),
        ("127.0.0.1", "", "[::1]:8089"),
        ("192.0.2.7", "", "192.0.2.7:8089"),
        ("192.0.2.7", "", "localhost:8089"),
        ("load.example", "", "LOAD.example.:8089"),
        ("127.0.0.1", "load.example", "load.example"),
        ("127.0.0.1", "https://load.example:444/x", "load.example:444"),
        ("", "", "192.0.2.9:8089"),
        ("0.0.0.0", "", "[2001:db8::1]:8089"),
    ],
)
def test_names_the_ui_goes_by(web_host: str, display: str, host: str) -> None:
    """Loopback, the interface it is bound to, and the name it is shown under."""
    assert refusal(names(web_host, display), "GET", host, "", "") is None
    assert refusal(names(web_host, display), "POST", host, f"http://{host}", "same-origin") is None


@pytest.mark.parametrize(
    ("web_host", "host"),
    [
        ("127.0.0.1", "evil.example:8089"),
        ("127.0.0.1", "192.0.2.9:8089"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.1@evil.example"),
        ("127.0.0.1", "[::1"),
        ("192.0.2.7", "192.0.2.8:8089"),
        ("0.0.0.0", "evil.example:8089"),
    ],
)
def test_names_it_does_not_go_by(web_host: str, host: str) -> None:
    """Also where it listens on every interface: only a name can be rebound, and no other name is accepted."""
    assert "--web-host-display-name" in (refusal(names(web_host, ""), "GET", host, "", "") or "")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:3000", "http://127.0.0.1"])
def test_pages_of_other_origins(origin: str) -> None:
    """Another port of this machine is another site too."""
    assert refusal(names("127.0.0.1", ""), "POST", "127.0.0.1:8089", origin, "") is not None


def test_a_link_from_another_site_may_be_followed() -> None:
    """Reading by navigation changes nothing, and browsers say where it comes from."""
    assert refusal(names("127.0.0.1", ""), "GET", "127.0.0.1:8089", "", "cross-site") is None
    assert refusal(names("127.0.0.1", ""), "POST", "127.0.0.1:8089", "", "cross-site") is not None
