"""What Locust's own parser refuses is said in our words, all at once, with what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from locust.argument_parser import LocustArgumentParser, get_parser, parse_locustfile_option

from harness.commands.locust_options import conflicts, read


def problems(*arguments: str) -> list[str]:
    found, _, wrong = read(get_parser([]).parse_known_args, arguments)
    return wrong + (list(conflicts(found[0])) if found is not None else [])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("--processes", "two"), ["--processes two: give a whole number"]),
        (("-r", "much"), ["--spawn-rate much: give a number"]),
        (("-L", "loud"), ["--loglevel LOUD: give one of DEBUG, INFO, WARNING, ERROR, CRITICAL"]),
        (("--html",), ["--html: its value is missing; give one after it, or leave it out"]),
        (("--web-port=--",), ["--web-port: its value is missing; give one after it, or leave it out"]),
        (("--headless=5",), ["--headless 5: it takes no value"]),
        (
            ("--mast",),
            [
                "--mast: write it out, one of --master, --master-bind-host, --master-bind-port, --master-host, "
                "--master-port"
            ],
        ),
        (("--processes", "-5"), ["--processes -5: give a number of load processes up to 1000, or -1 for one a core"]),
        (
            ("--master", "--processes", "2"),
            ["--master and --processes: leave out --master; with --processes there is one"],
        ),
        (
            ("--worker", "--master"),
            ["--master and --worker: one process is one or the other; leave out one of them"],
        ),
        (("--processes", "0"), ["--processes 0: give a number of load processes up to 1000, or -1 for one a core"]),
        (("--web-port", "99999"), ["--web-port 99999: give a port from 1 to 65535"]),
        (("--master-bind-port", "0"), ["--master-bind-port 0: give a port from 1 to 65535"]),
        (
            ("-u", "10", "-t", "10s"),
            [
                f"{flag}: the shape says how many users there are and for how long; leave it out, and set its options"
                for flag in ("--users", "--run-time")
            ],
        ),
        (
            ("--users", "x", "-s", "soon", "--processes=two", "--headless", "-P", "7x", "Visitor"),
            [
                "--users x: give a whole number",
                "--stop-timeout: invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc.",
                "--processes two: give a whole number",
                "--web-port 7x: give a whole number",
            ],
        ),
        (("--processes", "-1", "--unheard-of", "--stop-timeout", "20s", "Visitor"), []),
    ],
)
def test_each_is_one_line(arguments: tuple[str, ...], lines: list[str]) -> None:
    assert sorted(problems(*arguments)) == sorted(lines)


def test_what_can_be_read_is_read_beside_what_cannot() -> None:
    found, kept, wrong = read(get_parser([]).parse_known_args, ["-u", "x", "--tags", "a", "b", "-P", "7", "--ours=1"])
    assert found is not None and len(wrong) == 1
    assert kept == ["--tags", "a", "b", "-P", "7", "--ours=1"]
    assert (found[0].tags, found[0].web_port, found[1]) == (["a", "b"], 7, ["--ours=1"])


def test_what_stands_elsewhere_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "my.conf"
    config.write_text("# crowd\nusers = many\n")
    elsewhere = f" (It stands in line 2 of {config}.)"
    assert problems("--config", str(config)) == [f"--users many: give a whole number{elsewhere}"]
    monkeypatch.setenv("LOCUST_PROCESSES", "two")
    assert problems() == ["--processes two: give a whole number (It stands in the variable LOCUST_PROCESSES.)"]
    assert "--processes three: give a whole number" in problems("--processes", "three")


def test_a_config_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for parse in (parse_locustfile_option, get_parser([]).parse_known_args):
        _, kept, wrong = read(parse, ["-f", "x.py", "--config", f"{tmp_path}/away.conf", "--headless"])
        assert wrong == [f"--config {tmp_path}/away.conf: No such file or directory; correct the path"]
        assert kept == ["-f", "x.py", "--headless"]


def test_locusts_parser_is_as_it_was_afterwards() -> None:
    before = LocustArgumentParser.error
    assert problems("--processes", "two")
    assert LocustArgumentParser.error is before


def test_a_config_file_that_is_none_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A device may have no end; what has one may be no text, or have a line that is no option."""
    file = tmp_path / "my.conf"
    os.mkfifo(file)
    for path in ("/dev/zero", str(file)):
        assert problems("--config", path) == [f"--config {path}: not a regular file; correct the path"]
    unreadable = "/proc/self/mem"  # a regular file all the same
    assert problems("--config", unreadable) == [f"--config {unreadable}: Input/output error; correct the path"]
    file.unlink()
    file.write_bytes(b"users = \xff\n")
    assert problems("--config", str(file)) == [f"--config {file}: not text in UTF-8; correct it"]
    file.write_text("headless = [1, 2]\n")
    assert problems("--config", str(file)) == [f"--config {file}: a list stands where one value is due; correct it"]
    file.write_text("\n= hush\n")
    assert problems("--config", str(file)) == [f"--config {file}: line 2 cannot be read; write OPTION = VALUE"]


def test_what_stands_beside_an_option_that_there_is_not_is_not_shown() -> None:
    """It may be a secret, meant for another option."""
    found, _, wrong = read(get_parser([]).parse_args, ["--tokn", "hush", "--keey=hush", "--headless"])
    assert found is None
    assert wrong == ["--tokn, --keey: no such option; `locust --help` lists Locust's options"]


def test_an_option_in_the_place_of_a_value_is_shown_without_its_own() -> None:
    given = ["-f", "mine.py", "--master-port", "--fault=http_toggle token=hush 0"]
    _, _, wrong = read(parse_locustfile_option, given)
    assert wrong == ["--master-port --fault: give a whole number"]
