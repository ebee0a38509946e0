"""TLS of a run: which authorities it trusts and which certificate it shows, the same for users, health checks, probes
and faults.

Each process sets it once, see :func:`arm`. Keys are read from their files and go nowhere else.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi

from harness.parameters import BOOLEANS
from harness.regular_file import regular

CA_FILE, CLIENT_CERT, CLIENT_KEY, INSECURE = "--ca-file", "--client-cert", "--client-key", "--insecure"


@dataclass(frozen=True)
class RunTls:
    """By default it trusts the usual authorities and shows no certificate."""

    ca_file: str = ""
    """PEM, of authorities that are trusted beside the usual ones."""
    client_cert: str = ""
    """PEM, with the certificates between it and its authority, and perhaps with its key."""
    client_key: str = ""
    """PEM; empty: in ``client_cert``."""
    insecure: bool = False
    """Whether certificates are not verified."""

    @staticmethod
    def of(options: Any) -> RunTls:
        """From the options of a run, read already or still as text."""
        insecure = getattr(options, "insecure", False)
        ca_file, client_cert, client_key = (
            str(getattr(options, name, "") or "").strip() for name in ("ca_file", "client_cert", "client_key")
        )
        is_insecure = insecure is True or BOOLEANS.get(str(insecure).strip().lower(), False)
        return RunTls(ca_file, client_cert, client_key, is_insecure)

    def problems(self) -> Iterator[str]:
        """All that is wrong with its files, each with its option and its remedy."""
        if self.insecure and self.ca_file:
            yield f"{INSECURE} and {CA_FILE}: with the one no certificate is verified; leave out one of them"
        if self.ca_file:
            yield from _ca_file_problems(self.ca_file)
        if self.client_key and not self.client_cert:
            yield f"{CLIENT_KEY} {self.client_key}: name its certificate, too, with {CLIENT_CERT}"
        elif self.client_cert:
            yield from self._client_problems()

    def _client_problems(self) -> Iterator[str]:
        contents: dict[str, str] = {}
        for flag, path in ((CLIENT_CERT, self.client_cert), (CLIENT_KEY, self.client_key)):
            if path:
                try:
                    contents[flag] = regular(Path(path)).read_text(encoding="latin-1")
                except OSError as error:
                    yield f"{flag} {path}: cannot be read ({error.strerror or error}); correct the path"
        if len(contents) < 1 + bool(self.client_key):
            return
        if "BEGIN CERTIFICATE" not in contents[CLIENT_CERT]:
            yield f"{CLIENT_CERT} {self.client_cert}: no certificate in it; name a file in PEM"
        elif "PRIVATE KEY" not in contents.get(CLIENT_KEY, contents[CLIENT_CERT]):
            where = f"{CLIENT_KEY} {self.client_key}" if self.client_key else f"{CLIENT_CERT} {self.client_cert}"
            remedy = "name a file in PEM" if self.client_key else f"name the one that has it with {CLIENT_KEY}"
            yield f"{where}: no key in it; {remedy}"
        else:
            try:
                self.show_in(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            except ValueError as error:
                yield str(error)

    def show_in(self, context: ssl.SSLContext) -> None:
        """Raises ValueError, in words, for a certificate that cannot be shown."""
        if not self.client_cert:
            return
        key = f"{CLIENT_KEY} {self.client_key}" if self.client_key else f"{CLIENT_CERT} {self.client_cert}"
        try:
            # Without this OpenSSL would ask for the passphrase on the terminal, or wait for it for ever.
            context.load_cert_chain(self.client_cert, self.client_key or None, password=_no_passphrase)
        except _EncryptedError:
            raise ValueError(f"{key}: the key has a passphrase, which nobody can give; name one without") from None
        except ssl.SSLError as error:
            if "mismatch" in (error.reason or "").lower():
                raise ValueError(f"{key}: does not belong to the certificate; name its own") from None
            raise ValueError(f"{CLIENT_CERT} {self.client_cert}: cannot be used ({_reason(error)})") from None
        except OSError as error:
            raise ValueError(f"{CLIENT_CERT} {self.client_cert}: cannot be read ({error.strerror})") from None

    def notes(self) -> Iterator[str]:
        """What a reader of the report must know. No path, and nothing of a key."""
        if self.insecure:
            yield f"certificates were not verified ({INSECURE}): whoever answered may have been somebody else"
        if self.ca_file:
            yield f"certificates of the authorities in {CA_FILE} were trusted"
        if self.client_cert:
            yield f"a client certificate was shown where one was asked for ({CLIENT_CERT})"

    def to_data(self) -> dict[str, Any]:
        return dict(vars(self))

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> RunTls:
        """The inverse of :meth:`to_data`, for a process beside this one."""
        return RunTls(**data)


class _EncryptedError(Exception):
    """A key has a passphrase."""


def _no_passphrase() -> str:
    raise _EncryptedError


_of_run = RunTls()


def arm(tls: RunTls) -> None:
    """From now on every connection of this process is made so. Files that cannot be used change nothing: whoever reads
    the options refuses them.
    """
    global _of_run
    _of_run = RunTls() if any(tls.problems()) else tls


def of_run() -> RunTls:
    return _of_run


def context(ca_file: str = "", verify: bool = True, afresh: bool = False) -> ssl.SSLContext:
    """For a connection of this run. ``ca_file`` in place of all other authorities, and ``verify``, are somebody's own
    who makes it, and go before what the run says. ``afresh``: the files are read again. Raises OSError (ssl.SSLError)
    or ValueError for files that are gone.
    """
    make = _context if afresh else _made_once
    return make(_of_run, ca_file, verify and (bool(ca_file) or not _of_run.insecure))


def _context(tls: RunTls, ca_file: str, verify: bool) -> ssl.SSLContext:
    if not verify:
        # Without authorities at all: OpenSSL would look for the right one in vain, for a third of the handshake.
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    elif ca_file:
        made = ssl.create_default_context(cafile=str(regular(Path(ca_file))))
    else:
        made = ssl.create_default_context()
        made.load_verify_locations(certifi.where())  # a slim container has no certificates of its own
        if tls.ca_file:
            made.load_verify_locations(str(regular(Path(tls.ca_file))))
    tls.show_in(made)
    # Up to Python 3.11.2, of Debian 12, a connection that is cut short would pass for a session that was closed.
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    made.set_alpn_protocols(["http/1.1"])
    return made


_made_once = functools.lru_cache(maxsize=100)(_context)
"""Loading the certificates of the authorities takes tens of milliseconds."""


def _ca_file_problems(path: str) -> Iterator[str]:
    try:
        ssl.create_default_context(cafile=str(regular(Path(path))))
    except ssl.SSLError:
        yield f"{CA_FILE} {path}: no certificate in it; name a file in PEM"
    except OSError as error:
        yield f"{CA_FILE} {path}: cannot be read ({error.strerror or error}); correct the path"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
