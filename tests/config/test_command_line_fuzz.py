"""Whatever stands on the command line, in the environment or in a config file: one line a problem and a code that is
documented, never a traceback, never a hang, never a control character and never a secret.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.safe_text import safe

ROOT = Path(__file__).parents[2]
LOCUSTFILE = str(ROOT / "tests" / "config" / "every_kind.py")
EXAMPLES = 2000
PATIENCE_S = 20.0
SECRET = "hush-4711"


class Commander:
    """Speaks to commander.py."""

    def __init__(self, directory: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "SPRINGBACK_"))
        }
        command = [sys.executable, "-P", str(ROOT / "tests" / "config" / "commander.py")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=directory,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
            raise AssertionError(f"no end within {PATIENCE_S:.0f} s")
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commander]:
    opened = Commander(tmp_path_factory.mktemp("commands"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def options(commander: Commander) -> list[dict[str, Any]]:
    """Locust's and ours, as the parser of a run has them."""
    told: list[dict[str, Any]] = commander.ask(flags=LOCUSTFILE)["flags"]
    assert {"--host", "--tags", "--herd-users", "--valkey", "--fault"} <= {
        flag for each in told for flag in each["flags"]
    }
    return told


PLAUSIBLE = st.sampled_from(
    [
        *("0", "1", "2", "5", "0.5", "1e3", "10s", "true", "no", "auto", "2xx", "2xx,404", "429", "GET", "127.0.0.1"),
        *("http://127.0.0.1:9", "http://localhost:9/a", "https://[::1]:9", "/healthz", "error_ratio", "html,junit"),
        *("noop at=spike+1 for=1", "http_toggle url=http://127.0.0.1:9/fault at=spike", "redis://127.0.0.1:9"),
        *("postgresql://u@127.0.0.1:9/d", "Visitor", "INFO", "herd", "staging.invalid", "http://staging.invalid"),
    ]
)
NUMBERS = st.sampled_from(
    ["-1", "-0", "65536", "99999", "1e309", "1" + "0" * 400, "1_000", "٣", "0x10", "nan", "inf", "-inf", "1e-320", "½"]
)
IMPLAUSIBLE = st.sampled_from(
    [
        *("", " ", ",", ";", ";;", "=", "--", "-", "%", "%s", "{number}", "{0.__class__}", "$HOST", "\t", "\n", "\r"),
        *("a\x1b[31mb", "a\x07\x9b2Jb", "\u202eevil", "\udcff", "é" * 300, "x" * 100_000, "'", '"', "\\", "[", "[]"),
        *(
            "{}",
            "null",
            "/dev/zero",
            "/dev/null",
            "/nonexistent/x",
            "/proc/self/mem",
            ".",
            "/",
            "a\nb: c",
            "#",
            "a # b",
        ),
    ]
)
ADDRESSES = st.sampled_from(
    [
        *("http://", "http://:80", "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://[::1", "http://a b/"),
        *("http://192.0.2.1", "http://0x7f000001:9", "http://127.1:9/?q#f", "ftp://127.0.0.1", "file:///etc/passwd"),
        *("//127.0.0.1", "127.0.0.1:9", "http://\x1b[31m/", "http://\udcff/", "http://xn--a/", "http://" + "a" * 300),
        *("redis://127.0.0.1:9?foo=bar", "redis://127.0.0.1:9/x", "unix:///nowhere", "postgresql://127.0.0.1:9?x=y"),
        *("rediss://127.0.0.1:9", "postgresql:///?service=x", "host=127.0.0.1 port=9", "ws://127.0.0.1:9"),
        *(f"http://user:{SECRET}@127.0.0.1:9", f"redis://:{SECRET}@127.0.0.1:9?x=y", f"http://u:{SECRET}@[::1/"),
        *(f"postgresql://u:{SECRET}@127.0.0.1:9/d?x=y", f"postgresql://u:{SECRET}@h:x/d"),
    ]
)
VALUES = st.one_of(
    PLAUSIBLE,
    NUMBERS,
    IMPLAUSIBLE,
    ADDRESSES,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
)
WAYS = st.sampled_from(["word", "word", "equals", "equals", "bare", "short", "variable", "config"])
GIVEN = st.lists(st.tuples(st.integers(0, 10_000), VALUES, WAYS, st.integers(0, 30)), max_size=5)


def command(options: list[dict[str, Any]], drawn: Any, config: Path) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    variables: dict[str, str] = {}
    lines: list[str] = []
    for number, value, way, cut in drawn:
        option = options[number % len(options)]
        if not option["flags"]:
            words.append(value)
            continue
        flag = option["flags"][-1 if cut % 2 else 0]
        if option["secret"] and cut % 3 == 0:
            value = SECRET if option["dest"] != "fault" else f"http_toggle token={SECRET} {value}"
        if way == "variable":
            if option["variable"]:
                variables[option["variable"]] = value
        elif way == "config":
            lines.append(f"{flag.lstrip('-')} = {value}")
        elif way == "short":
            words += [flag[: max(3, len(flag) - cut)], value]
        elif way == "equals":
            words.append(f"{flag}={value}")
        else:
            words += [flag, value] if way == "word" and option["values"] else [flag]
    if lines:
        config.write_text("\n".join(lines), errors="surrogateescape" if "\udcff" in "".join(lines) else "replace")
        words += ["--config", str(config)]
    return words, variables


def assert_in_order(told: dict[str, Any]) -> None:
    out, err = told["out"], told["err"]
    assert told["code"] in (0, 2, 3, 4, 5), told
    assert "Traceback" not in out + err and "a defect of Springback" not in err, told
    assert safe(out) == out and safe(err) == err and "\r" not in out + err, told
    assert SECRET not in out + err, told
    assert all(line.startswith("springback: ") for line in err.splitlines()), told
    assert bool(err) == (told["code"] != 0), told


@pytest.mark.timeout(900)
@settings(max_examples=EXAMPLES)
@given(name=st.sampled_from(["plan", "plan", "host"]), drawn=GIVEN)
def test_options_of_a_run(
    commander: Commander,
    options: list[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    drawn: Any,
) -> None:
    config = tmp_path_factory.getbasetemp() / "fuzz.conf"
    words, variables = command(options, drawn, config)
    assert_in_order(commander.ask(words=[name, LOCUSTFILE, *words], variables=variables))


TOO_LONG = "9" * 400
"""A name that no file system takes: it may not even be asked whether there is such a file."""


@pytest.mark.parametrize(
    "words",
    [
        *(["plan", TOO_LONG], ["host", TOO_LONG], ["suite", TOO_LONG], ["check", TOO_LONG], ["report", TOO_LONG]),
        *(["dump", TOO_LONG], ["compare", TOO_LONG, TOO_LONG], ["history", "--runs-dir", TOO_LONG]),
        *(["import", TOO_LONG], ["import", "x", "--output", f"{TOO_LONG}.py"], ["learn", "x", "--output", TOO_LONG]),
        *(["new", TOO_LONG], ["new", "sale", "--into", TOO_LONG], ["plan", LOCUSTFILE, "--preset", TOO_LONG]),
        *(["plan", LOCUSTFILE, "--config", TOO_LONG], ["plan", LOCUSTFILE, "--runs-dir", TOO_LONG]),
    ],
    ids=lambda words: " ".join(word[:12] for word in words),
)
def test_a_name_that_is_too_long_is_refused_where_it_stands(commander: Commander, words: list[str]) -> None:
    told = commander.ask(words=words, variables={})
    assert_in_order(told)
    assert told["code"] == 2
    assert all(option in told["err"] for option in words if option in ("--preset", "--config")), told
