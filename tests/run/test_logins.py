"""Logins as services have them, by the examples: a form with a CSRF token, and OAuth2 tokens that run out; with
accounts that no two users share, over two load processes.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.run import accounts, runs
from tests.run.runs import Finished
from tests.run.services import counts, issued, served
from tests.run.together import together

ROOT = Path(__file__).parents[2]
USERS, FORM_USERS = 80, 50
SHORT = ("--baseline-s", "3", "--herd-users", "60", "--recovery-s", "3", "--canary-users", "20", "--canary-per-s", "5")
WITHOUT = ("--without", "recovery_time,memory_growth,memory_leak,process_restarts")
TOKEN = re.compile(r"eyJ[\w-]+\.|csrfmiddlewaretoken=|sessionid=|Bearer ")
"""What tokens and cookies look like, of the service or not."""


@dataclass
class Outcome:
    done: Finished
    counts: Counter[str]
    warm_up: Counter[tuple[str, str]]
    """(name, outcome) of what users sent to get ready."""

    causes: Counter[str]
    """Of the load's requests."""

    issued: frozenset[str]
    """Tokens and cookies that the service gave out."""


def example(
    directory: Path,
    name: str,
    url: str,
    *options: str,
    accounts_of: int = USERS,
    formats: tuple[str, ...] = runs.ALL_REPORTS,
) -> Outcome:
    table = accounts.written(directory / "accounts.csv", accounts_of)
    run = runs.locust(
        directory,
        str(ROOT / "examples" / name),
        *(*SHORT, *WITHOUT, "--accounts", str(table), *formats, *options),
        host=url,
    )
    done = run.wait()
    warm_up, causes = Counter[tuple[str, str]](), Counter[str]()
    for piece in done.recording.warm_up:
        warm_up[piece.name, piece.outcome] += piece.count
    for piece in done.recording.slices:
        causes[piece.outcome] += piece.count
    return Outcome(done, counts(url), warm_up, causes, issued(url))


def form(directory: Path, fault: str) -> Outcome:
    """A small herd, whose latency is not judged: SQLite lets one write at a time."""
    options = ("--herd-users", "30", "--canary-per-s", "3", "--without", f"{WITHOUT[1]},latency_quantile")
    with served("django_app", directory / "db.sqlite3", FORM_USERS, *([fault] if fault else [])) as url:
        return example(directory, "form_login.py", url, *options, *runs.processes(2), accounts_of=FORM_USERS)


LEAVING = "", "refresh_500"
"""Faults of whose runs all that they leave is searched for secrets, every report among it."""
LONG_S = 600
"""Life of tokens that none has to renew in a run."""
LIFE_S = 12
"""Of tokens that everybody renews once while parked, after 7 s: long before the gate, and not again until it is over,
also where it takes seconds until the last user has logged in and the baseline begins.
"""


def oauth2(directory: Path, fault: str) -> Outcome:
    with served("fastapi_app", USERS, LONG_S if fault else LIFE_S, *([fault] if fault else [])) as url:
        released = {"refresh_500": "refresh", "any_token": "trespass"}.get(fault, "request")
        lengths = () if fault else ("--baseline-s", "8")
        formats = runs.ALL_REPORTS if fault in LEAVING else runs.VERDICT_ONLY
        return example(directory, "oauth2_api.py", url, "--released", released, *lengths, formats=formats)


def trespass(directory: Path) -> Outcome:
    with served("fastapi_app", USERS, LONG_S) as url:
        return example(directory, "oauth2_api.py", url, "--released", "trespass", formats=runs.VERDICT_ONLY)


@together(form, takes_s=25, fault=[""])
def test_a_form_login_passes_and_only_the_form_itself_is_sent_by_the_gate(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(0)
    names = {piece.name for piece in done.recording.slices}
    assert names == {"POST log in"} and outcome.causes.keys() == {"ok"}
    assert outcome.warm_up["GET /accounts/login/", "ok"] >= FORM_USERS
    assert done.finding("spike_delivered")["outcome"] == "PASS"


@together(form, takes_s=25, fault=[""])
def test_each_account_is_one_users_over_all_load_processes(outcome: Outcome) -> None:
    """As many accounts as users, so nearly all are seen: two that shared one would leave another unused."""
    logins = outcome.counts
    assert len(logins) >= FORM_USERS - 8  # the last of the canary stream may have had no turn
    assert logins.total() == sum(piece.count for piece in outcome.done.recording.slices)


@together(form, takes_s=25, fault=["mixed_sessions"])
def test_mixed_up_sessions_fail_the_run_and_are_called_so(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    assert outcome.causes["session of somebody else"] > 15
    assert "session of somebody else" in outcome.done.finding("error_ratio")["reason"]


@together(oauth2, takes_s=20, fault=[""])
def test_tokens_that_run_out_are_refreshed_while_users_are_parked(outcome: Outcome) -> None:
    outcome.done.ended_well(0)
    assert outcome.causes.keys() == {"ok"} and not outcome.counts["refused"]
    granted = outcome.counts
    assert granted["password"] == USERS and granted["refresh_token"] >= USERS - 10
    assert [granted[f"login member{number}"] for number in range(USERS)] == [1] * USERS
    assert outcome.warm_up["POST /token [password]", "ok"] == USERS


@together(oauth2, takes_s=20, fault=["mixed_up"])
def test_an_answer_about_somebody_else_fails_the_run(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    assert outcome.causes["answer about somebody else"] > 30


@together(oauth2, takes_s=20, fault=["refresh_500"])
def test_a_herd_of_refreshes_that_fail_is_seen_for_what_it_is(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    assert outcome.causes["http 500"] >= 60
    assert "http 500" in outcome.done.finding("error_ratio")["reason"]


@together(oauth2, takes_s=20, fault=["any_token"])
def test_a_token_of_somebody_else_that_is_accepted_fails_the_run(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    assert outcome.causes["token of somebody else accepted"] > 60 and not outcome.causes["ok"]
    assert "token of somebody else accepted" in outcome.done.finding("error_ratio")["reason"]


@together(trespass, takes_s=20)
def test_tokens_of_others_that_are_refused_pass(outcome: Outcome) -> None:
    outcome.done.ended_well(0)
    assert outcome.causes.keys() == {"ok"}
    assert outcome.warm_up["GET page of one's own", "ok"] == USERS
    # And again after each refusal: a token that opens nothing any more is refused everywhere.
    asked = Counter[str]()
    for piece in outcome.done.recording.slices:
        asked[piece.name] += piece.count
    refused = asked["GET page of somebody else"]
    assert refused - 5 <= asked["GET page of one's own"] <= refused  # the last of them may come after the last phase


@together(form, takes_s=25, fault=["", "mixed_sessions"])
def test_a_form_login_leaves_no_secret(outcome: Outcome) -> None:
    _leaves_no_secret(outcome)


@together(oauth2, takes_s=20, fault=LEAVING)
def test_oauth2_leaves_no_secret(outcome: Outcome) -> None:
    _leaves_no_secret(outcome)


def _leaves_no_secret(outcome: Outcome) -> None:
    """Neither a password of the file nor a token or cookie of the service, in what is kept and what is printed."""
    done = outcome.done
    kept = [path.read_bytes().decode(errors="replace") for path in done.directory.rglob("*") if path.is_file()]
    assert len(kept) > 3
    assert len(outcome.issued) >= FORM_USERS and min(map(len, outcome.issued)) >= 16
    for text in (*kept, done.out, done.err):
        assert accounts.PASSWORD not in text and not TOKEN.search(text)
        assert not any(secret in text for secret in outcome.issued)


SLIPS = {
    "no file": ("", "cannot be read (No such file or directory); correct the path"),
    "few rows": ("username,password\nalice,s3cret-one\n", f"all its 1 rows are too few, {USERS} are needed"),
    "twice": ("username,password\nalice,s3cret-one\nalice,s3cret-two\n", "lines 2, 3 have the same username"),
    "another name": ("user,password\nalice,s3cret-one\n", "there is no column username (did you mean user?)"),
    "no names": ("alice,s3cret-one\nbob,s3cret-two\n", "the first line names none of the columns username, password"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_file_that_cannot_be_used_is_refused_before_any_load(tmp_path: Path, slip: str) -> None:
    contents, words = SLIPS[slip]
    if contents:
        (tmp_path / "accounts.csv").write_text(contents)
    done = runs.plan(tmp_path, str(ROOT / "examples/form_login.py"), *SHORT, "--host", "http://127.0.0.1:9")
    assert done.code == 2 and words in done.err
    assert "s3cret" not in done.err + done.out and "Traceback" not in done.err
    assert done.err.count("springback: ") == 1


def in_vain(directory: Path, slip: str) -> Finished:
    table = accounts.written(directory / "accounts.csv", USERS)
    with served("django_app", directory / "db.sqlite3", USERS) as url:
        options = (*SHORT, "--accounts", str(table), "--ready-timeout-s", "8", *slip.split())
        return runs.locust(directory, str(ROOT / "examples/form_login.py"), *options, host=url).wait()


def _makes_no_load(done: Finished, words: str) -> None:
    done.ended_well(4)
    assert not done.count()
    reason = done.verdict["reason"]
    assert "users cannot get ready: FormError" in reason and words in reason


@together(in_vain, slip=["--token-field csrf_token"])
def test_users_whose_form_has_another_token_make_no_load_and_are_told_its_fields(outcome: Finished) -> None:
    words = "/accounts/login/ has no form with csrf_token; one has the fields csrfmiddlewaretoken, username, password"
    _makes_no_load(outcome, words)


@together(in_vain, slip=["--login-page /me/nowhere"])
def test_users_without_a_login_page_make_no_load_and_are_told_its_answer(outcome: Finished) -> None:
    _makes_no_load(outcome, "/me/nowhere was answered with http 404, and no page with a form")
