"""Load goes to this machine, or to a host that the operator has named. Nothing here sends anything."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.clients.address import require_allowed, strip_url
from harness.errors import ConfigurationError

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "mine.example": ["127.0.0.7"],
    "staging.example": ["198.51.100.7"],
    "evil.example": ["203.0.113.9"],
    "half.example": ["127.0.0.1", "203.0.113.9"],
    "nowhere.example": [],
    "zone.example": ["fe80::1%eth0"],
}


def look_up(host: str) -> Sequence[str]:
    if host not in NAMES:
        raise OSError(-2, "Name or service not known")
    return NAMES[host]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://LOCALHOST:8000/path",
        "https://mine.example:8443",
        "http://user:secret@localhost:1/",
    ],
)
def test_this_machine_is_allowed(url: str) -> None:
    require_allowed(url, (), look_up)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.255.255.254",
        "http://[::1]:8000/",
        "http://[::ffff:127.0.0.1]:80/",
        "http://127.1:80",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://0x7f000001",
    ],
)
def test_literal_loopback_addresses_mean_what_the_system_takes_them_for(url: str) -> None:
    require_allowed(url, ())


@pytest.mark.parametrize(
    "url",
    [
        "http://staging.example",
        "http://half.example",
        "http://nowhere.example",
        "http://zone.example",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1:80@evil.example/",
        "http://localhost.evil.example/",
        "http://unknown.example",
    ],
)
def test_any_other_host_needs_consent(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--allow-host"):
        require_allowed(url, (), look_up)


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:80",
        "http://0",
        "http://[::]:80",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]/",
        "http://3405803785",
    ],
)
def test_addresses_that_are_not_loopback_need_consent(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--allow-host"):
        require_allowed(url, ())


def test_consent_is_for_exactly_that_host() -> None:
    require_allowed("https://Staging.example:444/x", ["staging.example"], look_up)
    require_allowed("http://[2001:db8::1]:80/", ["[2001:db8::1]"], look_up)
    for other in ("example", "a.staging.example", "evil.example"):
        with pytest.raises(ConfigurationError):
            require_allowed("http://staging.example", [other], look_up)


def test_localhost_is_this_machine_where_no_hosts_file_says_so() -> None:
    def unknown(_: str) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    require_allowed("http://localhost:1", (), unknown)


@pytest.mark.parametrize("name", ["http://staging.example", "*.example", "a.example:80", "", "a/b"])
def test_consent_to_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="exactly one host name"):
        require_allowed("http://localhost", [name], look_up)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("localhost:8000", "Did you mean http://localhost:8000"),
        ("127.0.0.1", "Did you mean http://127.0.0.1"),
        ("//localhost/x", "Did you mean http://localhost/x"),
        ("", "empty"),
        ("ftp://localhost", "Use http:// or https://"),
        ("ws://localhost", "Use http:// or https://"),
        ("http://", "host is missing"),
        ("http://:80", "host is missing"),
        ("http://localhost:0", "1 to 65535"),
        ("http://localhost:65536", "1 to 65535"),
        ("http://localhost:http", "1 to 65535"),
        ("http://local host/", "space"),
        ("http://localhost\n/", "control character"),
        ("http://127.0.0.1\\@evil.example/", "backslash"),
        ("http://127。0。0。1/", "outside ASCII"),
        ("http://127.0.0.1%2eevil.example/", "not a host name"),
        ("http://a..b/", "not a host name"),
        ("http://[127.0.0.1]/", "not"),
        ("http://[::1/", "not an address"),
    ],
)
def test_a_bad_address_is_said_before_anything_is_looked_up(url: str, remedy: str) -> None:
    def never(host: str) -> Sequence[str]:
        raise AssertionError(host)

    with pytest.raises(ConfigurationError, match=remedy):
        require_allowed(url, ["localhost"], never)


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("http://user:secret@host:80/path?token=secret#secret", "http://host:80/path"),
        ("http://secret@[::1]:80/@me", "http://[::1]:80/@me"),
        ("http://host/@me", "http://host/@me"),
        ("user:secret@host/path", "host/path"),
        ("http://user:se/secret@host/path", "http://host/path"),
        ("http://user:se?secret@host/path", "http://host/path"),
        ("http://user:se#secret@host", "http://host"),
        ("http://user:secret\\@host/", "http://host/"),
        ("http://a:secret@b:secret@host/", "http://host/"),
        ("?secret", ""),
        ("", ""),
    ],
)
def test_no_secret_survives_stripping(url: str, stripped: str) -> None:
    assert strip_url(url) == stripped


def test_messages_hold_no_secret() -> None:
    for url in (
        "http://u:secret@evil.example/?k=secret",
        "u:secret@localhost",
        "http://u:secret@localhost:x",
    ):
        with pytest.raises(ConfigurationError) as caught:
            require_allowed(url, (), look_up)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("$HOST", "${HOST}", "http://$HOST:8000", "http://${HOST}/", "$(HOST)", "{{ host }}", "http://{host}"),
        *("%HOST%", "<host>", "http://<your host>:80", "http://127.0.0.1:$PORT"),
    ],
)
def test_a_placeholder_is_called_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match="placeholder"):
        require_allowed(url, (), look_up)


@pytest.mark.parametrize("url", ["http://", "https://", "http://:8000", "http:///path", "http://127.0.0.1:", " ", "//"])
def test_what_an_empty_variable_leaves_is_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError):
        require_allowed(url, (), look_up)


def test_a_dollar_in_a_password_or_a_path_is_no_placeholder() -> None:
    require_allowed("http://user:pa$word@localhost/odata/$metadata", (), look_up)


@pytest.mark.parametrize("password", ["hush@hush", "hush/hush", "hush?hush", "hush#hush"])
def test_a_password_that_ends_before_its_end_is_said_and_not_shown(password: str) -> None:
    with pytest.raises(ConfigurationError, match="the password has an unescaped") as caught:
        require_allowed(f"http://me:{password}@localhost", (), look_up)
    assert "hush" not in str(caught.value)
    require_allowed("http://me:hush%40%2F%3F%23@localhost/a@b?c@d", (), look_up)
