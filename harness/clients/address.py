"""Where load may go: to this machine, or to a host that the operator named. And how an address is shown."""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import SplitResult, urlsplit

from harness.errors import ConfigurationError

Resolve = Callable[[str], Sequence[str]]
"""Host name → addresses that a connection would use. Raises OSError when the name is not known."""

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://")
"""Bounded, or to search a long word would take time by the square of its length."""
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:[0-9]*)?")
_PLACEHOLDER = re.compile(r"\$[({]?\w|\{\{|\{\w+\}|%\w+%|<[^>]*>")
"""``$HOST``, ``${HOST}``, ``$(HOST)``, ``{{ host }}``, ``{host}``, ``%HOST%``, ``<host>``."""
_EXAMPLE = "http://127.0.0.1:8000"


def system_addresses(host: str) -> Sequence[str]:
    """Asks the system, as a connection does, so that ``127.1`` or ``0x7f000001`` mean the same to both.

    Raises OSError when the name is not known. Looks names up, sends nothing to the host itself.
    """
    return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})


def allowed_hosts(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """The names in an ``--allow-host``: one after another, or as text, several with commas."""
    listed = names.split(",") if isinstance(names, str) else names or ()
    return tuple(name.strip() for name in listed if name.strip())


def require_allowed(host_url: str, allowed: Collection[str], resolve: Resolve = system_addresses) -> None:
    """Returns when load may go to ``host_url``: it is this machine, or its host name is in ``allowed``.

    A host is this machine when *every* address of its name is a loopback address. The check cannot hold a
    name server to its answer: it guards against a mistake, not against the operator's own DNS.
    ``resolve`` stands in for the system in tests.

    Raises ConfigurationError, with the remedy ``--allow-host NAME``.
    """
    problems = url_problems(host_url) + [problem for name in allowed for problem in _host_name_problems(name)]
    if problems:
        raise ConfigurationError(problems)
    host = urlsplit(host_url).hostname or ""
    if host in {_bare(name) for name in allowed}:
        return
    consent = f"If that is your own system and you may load it, consent with --allow-host {host}"
    try:
        addresses = resolve(host)
    except (OSError, UnicodeError) as error:
        if host == "localhost":  # loopback by RFC 6761, also where no hosts file says so
            return
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"{strip_url(host_url)}: the host {host} could not be resolved ({reason}), so nothing shows that "
            f"it is this machine. Check the name. {consent}"
        ) from None
    foreign = [address for address in addresses if not is_loopback(address)]
    if foreign or not addresses:
        where = f"{host} is {', '.join(foreign)}," if foreign else f"{host} has no address,"
        where = f"{host} is" if foreign == [host] else where
        hint = " To load this machine, write 127.0.0.1." if "0.0.0.0" in foreign or "::" in foreign else ""
        raise ConfigurationError(
            f"{strip_url(host_url)}: {where} not a loopback address. "
            f"Load goes only to this machine unless you say otherwise.{hint} {consent}"
        )


def url_problems(url: str) -> list[str]:
    """What keeps ``url`` from being an http or https address with a host and a valid port; empty if nothing.

    Strict on purpose: an address that two programs could read differently is refused, so that what is checked
    here is what the load client connects to.
    """
    shown = strip_url(url)
    if not url.strip():
        return [f"The address is empty. Give one like {_EXAMPLE}"]
    if _PLACEHOLDER.search(re.split(r"[/?#]", _SCHEME.sub("", shown), maxsplit=1)[0]):
        return [f"{shown}: a placeholder stands where the host should: nobody has put a value in its place"]
    if not url.isascii() or any(character in url for character in "\\ \t\r\n") or not url.isprintable():
        return [
            f"{shown!r}: the address has a space, a backslash, a control character or a letter outside "
            "ASCII. Write host names in their xn-- form and escape the rest with %"
        ]
    if "://" not in url:
        return [f"{shown}: the address has no scheme. Did you mean http://{shown.lstrip('/')} ?"]
    if problem := userinfo_problem(url):
        return [f"{shown}: {problem}"]
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote user info
        return [f"{shown}: not an address that can be read. Give one like {_EXAMPLE}"]
    problems: list[str] = []
    if parts.scheme not in ("http", "https"):
        problems.append(f"{shown}: the scheme is {parts.scheme or 'missing'}. Use http:// or https://")
    if not parts.hostname:
        problems.append(f"{shown}: the host is missing. Give an address like {_EXAMPLE}")
    elif not _is_host(parts):
        problems.append(f"{shown}: {parts.hostname!r} is not a host name or address. Give one like {_EXAMPLE}")
    if not _has_valid_port(parts):
        problems.append(f"{shown}: the port is not a number from 1 to 65535. Give an address like {_EXAMPLE}")
    return problems


def strip_url(url: str) -> str:
    """``url`` without user info, query and fragment: fit for a recording and for a message.

    Works on anything, also on what is no URL: a secret in a malformed address is a secret all the same.
    """
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in authority:
        rest = authority.rpartition("@")[2] + rest[len(authority) :]
    elif "@" in rest and not _HOST_AND_PORT.fullmatch(authority):  # a password with / or ? or # in it
        rest = rest.rpartition("@")[2]
    return (scheme.group() if scheme else "") + re.split(r"[?#]", rest, maxsplit=1)[0]


def userinfo_problem(url: str) -> str | None:
    """Whether user or password end before their end: a character of theirs that ends them is not escaped.

    Some programs guess what was meant, and others connect elsewhere, with a part of the password for a host name.
    """
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if scheme is None or "@" not in rest:
        return None
    if authority.count("@") > 1:
        mistaken = "@"
    elif "@" not in authority and not _HOST_AND_PORT.fullmatch(authority):
        mistaken = rest[len(authority)]
    else:
        return None
    return f"the password has an unescaped {mistaken}: write %{ord(mistaken):02X} for it ({_ESCAPES})"


_ESCAPES = "%40 is @, %2F is /, %3A is :, %3F is ?, %23 is #, %25 is %"


def is_literal(host: str) -> bool:
    """Whether it is an address, with a zone perhaps, and no name that has to be looked up."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=1000)
def is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" not in parts.netloc:
        return _is_name(host)
    return _is_ipv6(host)


def _is_name(text: str) -> bool:
    """By the lengths of RFC 1035, too: for a longer one the resolver raises an error of its own kind."""
    labels = text.removesuffix(".").split(".")
    return _HOST.fullmatch(text) is not None and len(text) <= 253 and all(0 < len(each) <= 63 for each in labels)


def _is_ipv6(text: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(text), ipaddress.IPv6Address)
    except ValueError:
        return False


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0 and not parts.netloc.endswith(":")  # nothing after the colon: an empty variable, say
    except ValueError:
        return False


def _bare(name: str) -> str:
    return name.strip().strip("[]").lower()


def _host_name_problems(name: str) -> list[str]:
    bare = _bare(name)
    if _is_name(bare) or _is_ipv6(bare):
        return []
    return [
        f"--allow-host {strip_url(name)}: give exactly one host name, without scheme, port, path or "
        "wildcard, e.g. --allow-host staging.example"
    ]
