"""A whole run against a server that wants a certificate: users, health checks and probes are let in, and keys stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Certificates, made_in, openssl_is_here
from tests.run import runs
from tests.run.echo_service import echoing, with_tls
from tests.run.runs import Finished
from tests.run.together import together

pytestmark = pytest.mark.skipif(not openssl_is_here(), reason="no openssl command here to make certificates with")


@dataclass
class Outcome:
    done: Finished
    certificates: Certificates


def over_tls(directory: Path, how: str) -> Outcome:
    (directory / "tls").mkdir()
    certificates = made_in(directory / "tls")
    trust = ("--insecure",) if how == "insecure" else ("--ca-file", certificates.ca)
    shown = () if how == "nobody" else ("--client-cert", certificates.client, "--client-key", certificates.client_key)
    with echoing(*with_tls(certificates), scheme="https") as url:
        options = (*trust, *shown, "--health-path", "/well", "--wait-for-target", "20" if shown else "2")
        sampled = ("--probe-json", f"{url}/page") if shown else ()
        forked = runs.processes(2) if how == "insecure" else ()
        return Outcome(
            runs.locust(directory, "herd_http.py", *options, *sampled, *forked, host=url).wait(), certificates
        )


@together(over_tls, how=["trusted", "insecure"])
def test_everything_of_a_run_is_let_in_and_the_report_says_how(outcome: Outcome) -> None:
    done, insecure = outcome.done, "--insecure" in " ".join(outcome.done.verdict["notes"])
    assert done.code in (0, 4), done.err
    assert done.count("ok") == done.count() > 20
    samples = done.samples("http_json")
    assert samples and all(sample.values == {"well": 1.0} for sample in samples)
    assert all(mark.ok for mark in done.recording.health if mark.when in ("before", "after"))
    assert any("--client-cert" in note for note in done.verdict["notes"])
    assert insecure != any("--ca-file" in note for note in done.verdict["notes"])


@together(over_tls, how=["trusted", "insecure"])
def test_no_key_and_no_name_of_its_file_is_kept(outcome: Outcome) -> None:
    secret = "".join(Path(outcome.certificates.client_key).read_text().splitlines()[1:-1])
    kept = [path.read_text(errors="replace") for path in outcome.done.directory.rglob("*") if path.is_file()]
    for text in (*kept, outcome.done.out, outcome.done.err):
        assert "PRIVATE KEY" not in text and secret[:40] not in text and "client.key" not in text


@together(over_tls, how=["nobody"])
def test_a_run_that_is_not_let_in_makes_no_load(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert not outcome.done.count()
    assert "the target was not healthy before the start: GET /well" in outcome.done.verdict["reason"]
