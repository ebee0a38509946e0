"""Presets: options and criteria of a run that have a name, one TOML file each, ``presets/NAME.toml`` or one's own.

::

    summary = "one line"
    extends = "another one"                     # has all that this one has; what is said here goes before it

    [options]                                   # of any run, by the names of their flags
    alert_p95_s = 2.0

    [criteria.error_ratio]                      # where a scenario judges it: its parameters
    limit = 0.05

    [scenarios.login-herd.criteria.rate]        # of one scenario: changed, or added where it has none of that name
    criterion = "throughput"
    lower_limit_of_users_ratio = 0.1

    [scenarios.login-herd.options]
    herd_users = 500

What is nearer goes before: flag, environment variable, config file, preset, scenario. A preset sets defaults, no more.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness import criteria as criteria_folder
from harness.config import preset_file
from harness.config.preset_file import Table
from harness.config.preset_file import available as available
from harness.errors import ConfigurationError, nearest
from harness.parameters import Parameter, check, text_of
from harness.recording.header import CriterionSpec

LIKENESS = 0.7
"""How alike an unknown option has to be to the one that was meant: ``host``, unknown here, is no slip of ``hold_s``."""
_OF_FILE = ("summary", preset_file.EXTENDS, "options", "criteria", "scenarios")
"""What it extends is read with it, and is none of them any more."""
_OF_SCENARIO = ("options", "criteria")
KIND, LIKE = "criterion", "like"
"""Keys of a criterion's table: its kind, where that is not its name; and the name of another criterion of the scenario,
whose parameters it has where they fit and it has none of its own.
"""


@dataclass(frozen=True)
class Preset:
    """What a preset says for one scenario. Without a name there is none, and nothing is changed."""

    name: str = ""
    summary: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    """As they would be written on the command line."""
    criteria: Mapping[str, Table] = field(default_factory=dict)
    """Name of a finding → parameters, wherever the scenario has it."""
    own_criteria: Mapping[str, Table] = field(default_factory=dict)
    """Likewise, and added where it has none."""

    def changed(self, specs: Iterable[CriterionSpec]) -> tuple[CriterionSpec, ...]:
        """The criteria of the scenario with what the preset says of them."""
        changed = [self._changed(spec) for spec in specs]
        named = {criteria_folder.name_of(spec): spec for spec in changed}
        added = [_spec(name, table, named) for name, table in self.own_criteria.items() if name not in named]
        return (*changed, *added)

    def _changed(self, spec: CriterionSpec) -> CriterionSpec:
        name = criteria_folder.name_of(spec)
        parameters = {**self.criteria.get(name, {}), **_parameters(self.own_criteria.get(name, {}))}
        return replace(spec, parameters={**spec.parameters, **parameters}) if parameters else spec

    def lines(self, judged: Iterable[CriterionSpec], values: Any) -> Iterator[str]:
        """What it sets, for people: of a run that is ``judged`` so, with these options."""
        if not self.name:
            return
        yield f"preset {self.name}: {self.summary}".rstrip(": ")
        for option, text in self.options.items():
            now = text_of(getattr(values, option, text))
            yield f"  {option} = {text}" + ("" if _same(now, text) else f" (given: {now})")
        of = {criteria_folder.name_of(spec): spec for spec in judged}
        for name in dict.fromkeys((*self.criteria, *self.own_criteria)):
            table = {**self.criteria.get(name, {}), **self.own_criteria.get(name, {})}
            for key, value in _parameters(table).items():
                held = of[name].parameters.get(key, value) if name in of else value
                doubt = "" if name in of else " (not judged in this scenario)"
                doubt += "" if held == value else f" (given: {text_of(held)})"
                yield f"  {name}: {key} = {text_of(value)}{doubt}"


NONE = Preset()


def summary_of(name: str) -> str:
    """Raises ConfigurationError for a file that cannot be read."""
    return str(preset_file.read(name).get("summary", ""))


def load(
    word: str, scenario: str, judged: Iterable[CriterionSpec], options: Callable[[Preset], Iterable[Parameter]]
) -> Preset:
    """The preset for the scenario of this name, which by itself is ``judged`` so. ``options`` are those of a run with
    what the preset adds. Raises ConfigurationError with everything that is wrong with it.
    """
    body = preset_file.read(word)
    said = f"--preset {word}"
    problems = [f"{said}: {line}" for line in _table_problems("", body, _OF_FILE)]
    of_scenario = dict(_tables(body, "scenarios"))
    for name, table in of_scenario.items():
        problems += [f"{said}: {line}" for line in _table_problems(f"scenarios.{name}", table, _OF_SCENARIO)]
    judged = tuple(judged)
    names = {criteria_folder.name_of(spec): spec.criterion for spec in judged}
    own = of_scenario.get(scenario, {})
    of_all = dict(_tables(body, "criteria"))
    of_it = dict(_tables(own, "criteria"))
    problems += [f"{said}: {line}" for line in _criteria_problems("criteria", of_all, names)]
    for name, table in of_scenario.items():
        known = names if name == scenario else None
        place = f"scenarios.{name}.criteria"
        problems += [f"{said}: {line}" for line in _criteria_problems(place, dict(_tables(table, "criteria")), known)]
    found = Preset(word, str(body.get("summary", "")), {}, of_all, of_it)
    # What is wrong with criteria adds no options.
    declared = {each.name: each for each in options(NONE if problems else found) if each.name != "preset"}
    given = {**_table(body, "options"), **_table(own, "options")}
    problems += [f"{said}: {line}" for line in _option_problems(given, declared)]
    if problems:
        raise ConfigurationError(problems)
    return replace(found, options={name: text_of(value) for name, value in given.items()})


def obey(parser: ArgumentParser, apply: Callable[[str], Mapping[str, str]]) -> None:
    """Whatever the parser reads is read again with the defaults of the preset that is named in it. ``apply`` declares
    what else there is with it, and returns these defaults; a preset that cannot be used is refused with the other
    options, and changes nothing here.
    """
    parse: Any = partial(parser.parse_known_args)

    def parse_known_args(*arguments: Any, **named: Any) -> Any:
        parsed, rest = parse(*arguments, **named)
        if word := str(getattr(parsed, "preset", "") or "").strip():
            try:
                parser.set_defaults(**apply(word))
            except ConfigurationError:
                return parsed, rest
            parsed, rest = parse(*arguments, **named)
        return parsed, rest

    parser.parse_known_args = parse_known_args  # type: ignore[method-assign]


def _tables(body: Table, key: str) -> Iterator[tuple[str, Table]]:
    """The tables inside of a table; what is none is told by :func:`_table_problems`."""
    yield from ((name, table) for name, table in _table(body, key).items() if isinstance(table, Mapping))


def _table(body: Table, key: str) -> Table:
    inside = body.get(key, {})
    return inside if isinstance(inside, Mapping) else {}


def _table_problems(place: str, body: Table, known: tuple[str, ...]) -> Iterator[str]:
    at = f"{place}." if place else ""
    for key, value in body.items():
        if key not in known:
            meant = nearest(key, known)
            yield f"{at}{key}: there is no such key; " + (
                f"did you mean {meant}?" if meant else f"it has {', '.join(known)}"
            )
        elif key == "summary":
            if not isinstance(value, str) or not value.isprintable():
                yield "summary: give one line of text"
        elif not isinstance(value, Mapping):
            yield f"{at}{key}: give a table, [{at}{key}]"
        elif key != "options":
            yield from (
                f"{at}{key}.{name}: give a table, [{at}{key}.{name}]"
                for name, t in value.items()
                if not isinstance(t, Mapping)
            )


def _criteria_problems(place: str, tables: Mapping[str, Table], names: Mapping[str, str] | None) -> Iterator[str]:
    """``names``: those of the scenario at hand, and the kind of each; None where it is another scenario's."""
    known = criteria_folder.available()
    for name, table in tables.items():
        kind = str(table.get(KIND) or (names or {}).get(name) or name)
        if kind not in known:
            if names is None and KIND not in table:
                continue  # it may be the other scenario's own name for a criterion
            meant = nearest(kind, (*known, *(names or ())))
            yield f"{place}.{name}: there is no criterion {kind}; " + (
                f"did you mean {meant}?" if meant else "`springback plugins criteria` lists them"
            )
        elif criteria_folder.is_guard(kind):
            yield f"{place}.{name}: a guard is judged in every run; set its limits under [options], as {name}_…"
        else:
            parameters = _parameters(table)
            if names is not None and (like := table.get(LIKE)) is not None and like not in names:
                yield f"{place}.{name}.{LIKE} {like}: the scenario has no such criterion; it has {', '.join(names)}"
            yield from (f"{place}.{line}" for line in _parameter_problems(name, kind, parameters))


def _parameter_problems(name: str, kind: str, parameters: Table) -> Iterator[str]:
    declared = criteria_folder.parameters(kind)
    for line in check(name, declared, parameters):
        if "is missing" not in line:
            yield line


def _option_problems(given: Table, declared: Mapping[str, Parameter]) -> Iterator[str]:
    for name, value in given.items():
        option = declared.get(name)
        if option is None:
            meant = nearest(name.replace("-", "_"), declared, LIKENESS)
            remedy = (
                f"did you mean {meant}?"
                if meant
                else "a preset has only Springback's options; `springback plan FILE -h` lists them"
            )
            yield f"options.{name}: this scenario has no such option; {remedy}"
        elif isinstance(value, Mapping) or (problem := option.problem(option.read(text_of(value)))):
            wrong = "give one value" if isinstance(value, Mapping) else problem
            yield f"options.{name} {option.shown(text_of(value))}: {wrong}"


def _spec(name: str, table: Table, others: Mapping[str, CriterionSpec]) -> CriterionSpec:
    kind = str(table.get(KIND) or name)
    fitting = {each.name for each in criteria_folder.parameters(kind) if "limit" not in each.name} - {"name"}
    like = others[table[LIKE]].parameters if table.get(LIKE) in others else {}
    shared = {key: value for key, value in like.items() if key in fitting}
    return CriterionSpec(kind, {**shared, **_parameters(table), **({"name": name} if name != kind else {})})


def _parameters(table: Table) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in table.items()
        if key not in (KIND, LIKE)
    }


def _same(one: str, other: str) -> bool:
    return one == other or [part.strip() for part in one.split(",")] == [part.strip() for part in other.split(",")]
