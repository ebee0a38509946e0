"""Every address of a run's probes and faults, and whatever the scenario itself checks, is tried once before any load: a
mistyped one would waste a whole run.

All are tried at the same time, each with its own client and within that client's own patience. The target is not among
them: the health check asks whether it is well, and the recording keeps the answer.
"""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness import probes as probes_folder
from harness.clients.address import allowed_hosts, require_allowed, strip_url
from harness.clients.http_get import Deadline, NoAnswerError, connect, endpoint
from harness.clients.remedies import with_remedy
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.faults import Addressed, Fault, FaultError, Fronting, Pinned, ScheduledFault, name_of
from harness.plugins import Parameter, values_of
from harness.probes import Probe

CONNECT_S = 3.0
AGAIN_S = 0.5


def problems(
    scenario: Scenario,
    options: Any,
    probes: Iterable[Probe],
    faults: Iterable[ScheduledFault],
    *,
    declared: Iterable[Parameter],
    wait_s: float,
) -> list[str]:
    """One line for each address that cannot be used, with its cause and what to do about it; never a secret.

    ``options`` are those of the run; ``declared`` may hold an address: a line begins with the option that its address
    came from. Servers may still be starting for ``wait_s`` seconds.
    """
    given = _given(options, declared)
    attempts: list[Callable[[], Iterable[str]]] = [lambda: scenario.problems(options)]
    attempts += [lambda probe=probe: _of_probe(probe, given) for probe in probes]  # type: ignore[misc]
    allowed = allowed_hosts(options.allow_host)
    attempts += [lambda each=each: _of_fault(each.fault, given, allowed) for each in faults]  # type: ignore[misc]
    until_s = time.monotonic() + wait_s
    with ThreadPoolExecutor(len(attempts)) as pool:
        while True:
            found = [line for lines in pool.map(_attempted, attempts) for line in lines]
            if not found or time.monotonic() >= until_s:
                return found
            time.sleep(AGAIN_S)


def _attempted(attempt: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(attempt())
    except ConfigurationError as error:
        return list(error.messages)
    except Exception as error:  # somebody's own probe or fault: a defect is said as it would be in the run
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return [f"an address could not be tried, because of a defect: {type(error).__name__}: {error} ({where})"]


def _of_probe(probe: Probe, given: Mapping[str, Parameter]) -> Iterable[str]:
    """By one sample of a copy, so that the first one of the run has seen nothing yet."""
    copy = probes_folder.from_data(probes_folder.as_data(probe))
    for reading in copy.sample():
        if reading.error is not None and not reading.may_come:
            yield f"{_named(reading.source, probe, 'Probe', given)}: {with_remedy(reading.error)}"


def _of_fault(fault: Fault, given: Mapping[str, Parameter], allowed: tuple[str, ...]) -> Iterable[str]:
    """Whether there is something to disturb, and a place for what stands in front of it. Injecting would be the only
    whole try, so an address that only takes requests is connected to.
    """
    if isinstance(fault, Fronting) and (port := fault.fronts()[0]):
        try:
            _require_free(port)
        except OSError as error:
            reason = error.strerror or str(error)
            yield f"Fault {name_of(fault)}: port {port} cannot be listened on ({reason}); choose another, or 0 for any"
    if isinstance(fault, Pinned):
        try:
            fault.pin()
        except FaultError as error:
            yield f"Fault {name_of(fault)}: {with_remedy(str(error))}"
    elif isinstance(fault, Addressed):
        for url in fault.addresses():
            try:
                require_allowed(url, allowed)
                connect(*endpoint(url), Deadline(CONNECT_S)).close()
            except NoAnswerError as error:
                yield f"{_named(strip_url(url), fault, 'Fault', given)}: {with_remedy(str(error))}"
            except ConfigurationError:
                continue  # refused already, for what it is


def _require_free(port: int) -> None:
    """Raises OSError when nobody could listen on this port of 127.0.0.1. It does not listen itself: several faults may
    share the port, and are tried side by side.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def _given(options: Any, declared: Iterable[Parameter]) -> dict[str, Parameter]:
    """What each option holds that may be an address → the option."""
    found: dict[str, Parameter] = {}
    for each in declared:
        value = getattr(options, each.name, None)
        for text in value if isinstance(value, tuple) else (value,):
            if _may_be_address(text):
                found[text.rstrip("/")] = each
    return found


def named(options: Any, declared: Iterable[Parameter]) -> tuple[str, ...]:
    """Every address among the options."""
    return tuple(text for text in _given(options, declared) if "://" in text)


def _named(source: str, plugin: Probe | Fault, kind: str, given: Mapping[str, Parameter]) -> str:
    """``--api-urls 127.0.0.1:8000``: the option that the address came from, or else the plug-in that uses it; and the
    address, where the source is not called by it.
    """
    values = [
        each for value in values_of(plugin).values() for each in (value if isinstance(value, tuple) else (value,))
    ]
    texts: list[str] = [value for value in values if _may_be_address(value)]
    texts = [text for text in texts if _place(text) in (source, _place(source))] or texts
    used = [text for text in given if any(each.startswith(text) for each in texts)]
    if not used:
        return f"{kind} {name_of(plugin)} {source}"
    longest = max(used, key=len)
    option = given[longest]
    named = option.secret or _place(longest) in source
    return f"{option.flag} {source if named else strip_url(longest)}"


def _may_be_address(value: object) -> bool:
    return isinstance(value, str) and ("/" in value or ":" in value)


def _place(address: str) -> str:
    """Host and port of an address, or the path of a socket."""
    stripped = strip_url(address)
    return urlsplit(stripped).netloc if "://" in stripped else stripped.partition("/")[0] or stripped
