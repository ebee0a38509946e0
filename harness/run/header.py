"""The first line of a recording: what was planned."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from locust import User

from harness.clients import tls
from harness.clients.address import strip_url
from harness.config.settings import RunSettings
from harness.findings import RECOVERY_TIME
from harness.live import stop_rules
from harness.load.http import PacedHttpUser
from harness.load.machine_reader import usable_cores
from harness.load.users.body_checks import judged_by_status
from harness.recording.header import CriterionSpec, Header, Phase, PlannedClass, PlannedGate
from harness.recording.values import Scalar
from harness.run.messages import REFERENCE_TARGET
from harness.run.source_revision import source_revision
from shapes._phased import PhasedShape
from shapes._profile import Profile


def header(
    scenario: str,
    started_utc: str,
    settings: RunSettings,
    shape: PhasedShape,
    host: str,
    nodes: int,
    users: Iterable[type[User]],
) -> Header:
    profile, parked = shape.profile(), shape.parked
    notes = [*shape.notes()]
    notes += [f"{name} was left out (--without)" for name in settings.without]
    answers = (("good answers", "expect"), ("turned away on purpose", "shed"))
    notes += [f"{what}: {getattr(settings, name)} (--{name})" for what, name in answers if getattr(settings, name)]
    notes += [f"preset {settings.preset}"] if settings.preset else []
    notes += tls.of_run().notes()
    unverified = [user.__name__ for user in users if not getattr(user, "verify_tls", True)]
    if host.startswith("https") and unverified and not tls.of_run().insecure:
        notes.append(f"certificates were not verified by {', '.join(unverified)}")
    if by_status := judged_by_status(users):
        notes.append(
            f"the answers to {', '.join(by_status)} were judged by their status only: "
            "nothing in the scenario checks a body"
        )
    if parked and settings.connect_early != "no":
        notes += unseen_connections(settings.criteria, profile, users)
    found = source_revision(Path.cwd(), os.environ)
    return Header(
        scenario=scenario,
        started_utc=started_utc,
        shape=type(shape).__name__,
        parameters={name: without_secrets(value) for name, value in settings.shape_parameters.items()},
        phases=tuple(Phase(p.name, p.start_s, p.end_s) for p in profile.phases),
        level=profile.level(parked).points,
        level_unit=profile.level_unit(parked),
        gates=tuple(PlannedGate(h.name, h.t, h.users) for h in profile.herds) if parked else (),
        criteria=settings.criteria,
        target=strip_url(host),
        nodes=nodes,
        environment=fingerprint(),
        notes=tuple(notes),
        alerts=asdict(settings.alerts),
        faults=tuple(fault.plan for fault in settings.faults),
        stop_when=tuple(rule.words for rule in settings.stop_rules if rule.flag == stop_rules.FLAG),
        classes=_classes(shape, users),
        even_arrivals=settings.arrival_seed is None,
        reference_target=os.environ.get(REFERENCE_TARGET) == host,
        branch=settings.run_branch or found.branch,
        commit=settings.run_commit or found.commit,
        tags=settings.run_tags,
    )


def unseen_connections(
    criteria: Iterable[CriterionSpec], profile: Profile, users: Iterable[type[User]]
) -> Iterator[str]:
    """That a recovery is judged by users who stay connected, of whom none is a newcomer, see
    :mod:`harness.load.newcomers`: those without a herd, of classes that say nothing of how they connect.
    """
    with_herd = [herd.classes for herd in profile.herds]
    staying = [
        user.__name__
        for user in users
        if issubclass(user, PacedHttpUser)
        and user.connect_early is None
        and not any(not classes or user.__name__ in classes for classes in with_herd)
    ]
    if staying and any(spec.criterion == RECOVERY_TIME for spec in criteria):
        yield (
            f"users of {', '.join(staying)} may stay connected, and then nobody sees whether the service takes new "
            "connections after the spike: with --connect-early no each start opens its own"
        )


def _classes(shape: PhasedShape, users: Iterable[type[User]]) -> tuple[PlannedClass, ...]:
    profile = shape.profile()
    own = {
        each.user_class: PlannedClass(each.user_class, each.pool_users, each.level(shape.parked, profile.pacing).points)
        for each in profile.by_class
    }
    return tuple(own.get(user.__name__, PlannedClass(user.__name__)) for user in users)


def without_secrets(value: Scalar) -> Scalar:
    return strip_url(value) if isinstance(value, str) and "://" in value else value


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the processor calls itself: two machines of a build server with as many of them need not be alike."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2] for line in lines if line.lower().startswith("model name"))
    return " ".join((next(named, "") or platform.processor() or platform.machine()).split())


def fingerprint() -> Mapping[str, str]:
    """The environment: runs are compared only where these agree.

    Versions, machine and size, as text. Nothing secret, no path, no host name."""
    return {
        "springback": version("springback"),
        "locust": version("locust"),
        "gevent": version("gevent"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cpus": str(usable_cores()),
        "gil": str(getattr(sys, "_is_gil_enabled", lambda: True)()).lower(),
    }
