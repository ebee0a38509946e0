"""The fields of the form, by what they belong to, with their units and what they mean; the shape's preview; and which
problem is about which field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from locust.argument_parser import ui_extra_args_dict
from locust.web import WebUI

from harness.clients.address import strip_url
from harness.config.options import sections, unheeded
from harness.config.scenario import Scenario
from harness.parameters import text_of
from harness.plugins import Parameter
from shapes._phased import PhasedShape

UNITS = {"per_s": "per second", "s": "s", "ms": "ms", "bytes": "bytes", "ratio": "ratio"}
"""As they stand behind a field, by the last word of its name."""
GROUPS = {"of the shape": "Shape", "of the criteria": "Limits of the verdict", "of every run": "Every run"}
ALERTS = "Limits of the alerts"
OTHERS = "Of the locustfile"
_FLAG = re.compile(r"--([a-z0-9][a-z0-9-]*)")
MOST_POINTS = 400
"""Of a preview's level; a curve of more is drawn through every n-th."""


def described(web_ui: WebUI, scenario: Scenario, shape: PhasedShape, shown: set[str]) -> dict[str, Any]:
    """The form: groups of fields, and what Locust's own has besides. ``shown`` are the names that the form may set."""
    environment = web_ui.environment
    values = vars(environment.parsed_options)
    ignored = set() if web_ui.userclass_picker_is_active else unheeded(shape.parked)
    groups: dict[str, list[dict[str, Any]]] = {}
    known = set()
    for title, options in sections(scenario):
        for option in options:
            known.add(option.name)
            if option.name in shown and option.name not in ignored:
                alert = option.name.startswith("alert_")
                groups.setdefault(ALERTS if alert else GROUPS.get(title, "Scenario"), []).append(_field(option, values))
    for name, foreign in ui_extra_args_dict().items():
        if name not in known:
            groups.setdefault(OTHERS, []).append(_foreign_field(name, foreign, values.get(name)))
    order = ["Shape", "Scenario", OTHERS, GROUPS["of the criteria"], ALERTS, GROUPS["of every run"]]
    picker = None
    if web_ui.userclass_picker_is_active:
        picker = {
            "shapes": sorted(environment.available_shape_classes or ()),
            "users": sorted(environment.available_user_classes or ()),
        }
    return {
        "scenario": scenario.name,
        "host": strip_url(environment.host or next((user.host for user in environment.user_classes if user.host), "")),
        "groups": [[title, groups[title]] for title in order if title in groups],
        "picker": picker,
    }


def _field(option: Parameter, values: dict[str, Any]) -> dict[str, Any]:
    value = values.get(option.name)
    text = option.text if value is None else str(value) if isinstance(value, bool) else text_of(value)
    ending = next((ending for ending in UNITS if option.name.endswith(f"_{ending}")), "")
    return {
        "name": option.name,
        "label": _label(option.name.removesuffix(f"_{ending}") if ending else option.name),
        "unit": UNITS.get(ending, ""),
        "help": option.help,
        "value": "" if option.secret else text,
        "is_secret": option.secret,
        "is_number": option.kind in (int, float),
        "choices": ["true", "false"] if option.kind is bool else list(option.choices),
    }


def _foreign_field(name: str, option: dict[str, Any], value: Any) -> dict[str, Any]:
    """Of an option that the locustfile has added to Locust's parser by itself."""
    choices = option.get("choices") or []
    if isinstance(option["default_value"], bool):
        choices, value = ["true", "false"], str(bool(value)).lower()
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
    secret = bool(option.get("is_secret"))
    return {
        "name": name,
        "label": _label(name),
        "unit": "",
        "help": (option.get("help_text") or "").replace("%%", "%"),
        "value": "" if secret else text,
        "is_secret": secret,
        "is_number": False,
        "choices": [str(choice) for choice in choices],
    }


def _label(name: str) -> str:
    words = name.removeprefix("alert_").replace("_", " ")
    return words[:1].upper() + words[1:]


def preview(shape: PhasedShape) -> dict[str, Any]:
    """What the shape would do, small enough to be drawn at every change of a field."""
    profile = shape.profile()
    level = profile.level(shape.parked)
    points = level.points[:: max(1, len(level.points) // MOST_POINTS)]
    return {
        "phases": [[phase.name, phase.start_s, phase.end_s] for phase in profile.phases],
        "level": [*map(list, points), *([list(level.points[-1])] if level.points else [])],
        "level_unit": profile.level_unit(shape.parked),
        "peak": level.peak,
        "herds": [[herd.t, herd.users] for herd in profile.herds] if shape.parked else [],
        "users": profile.pool_users if shape.parked else level.peak,
        "starts": profile.total_starts if shape.parked else None,
        "duration_s": profile.duration_s,
    }


def by_field(problems: Iterable[str], shown: set[str], host: str = "") -> list[list[str]]:
    """(name of the field, problem) of each; the name is empty where it is about no field, or about several. ``host`` is
    what stands in its field: a problem may begin with it.
    """
    return [[next(_names_in(problem, shown, strip_url(host.strip())), ""), problem] for problem in problems]


def _names_in(problem: str, shown: set[str], host: str) -> Iterator[str]:
    if host and problem.lstrip("'").startswith(host):
        yield "host"
    if problem.startswith("the host ") or "--host " in problem or "--allow-host" in problem:
        yield "host"
    for found in _FLAG.finditer(problem):
        if (name := found[1].replace("-", "_")) in shown:
            yield name
