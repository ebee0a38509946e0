"""Forms as pages have them: what a browser would send, and words for what is not there."""

from __future__ import annotations

import pytest

from harness.load.http import Response
from harness.load.http.forms import FormError, fetch_form, form_of, has_form
from harness.load.pacing import NotReadyError
from harness.load.users.measured import WrongAnswerError
from tests.http.conftest import Make
from tests.http.scripted import READ, scripted

LOGIN = """<!doctype html><title>x</title>
<form action="/search"><input name=q><button name=go value=1>Go</button></form>
<form method=POST action="/login?next=%2Fme#top">
 <input type="hidden" name="csrf" value="a&amp;b&#34;c"><input name="username" value="">
 <input type=password name=password>
 <input type=checkbox name=keep value=yes checked><input type=checkbox name=other><input type=radio name=r value=1>
 <input type=radio name=r value=2 checked /><input name=off disabled value=1><input type=file name=picture>
 <select name=lang><option value=en>E<option value=de selected>D</select><select name=size><option> small </option>
 <option>big</select><textarea name=note>
two lines</textarea><input type=submit name=send value="Log in"><input type=submit name=cancel value=Cancel>
</form>"""


def page(body: str, url: str = "http://127.0.0.1:1/login/") -> Response:
    response = Response(200, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", body.encode())
    response.url = url
    return response


def test_a_form_is_filled_in_as_by_a_browser() -> None:
    form = form_of(page(LOGIN), "username", "password")
    assert (form.method, form.action) == ("POST", "http://127.0.0.1:1/login?next=%2Fme#top")
    ours = {"username": "me", "password": "pw"}
    theirs = {"csrf": 'a&b"c', "keep": "yes", "r": "2", "lang": "de", "size": "small", "note": "\ntwo lines"}
    assert form.filled(ours) == {**ours, **theirs, "send": "Log in"}
    assert repr(form) == "<Form POST http://127.0.0.1:1/login: " + ", ".join(form.values) + ">"


def test_without_an_action_it_goes_to_its_own_page_and_without_a_method_it_is_a_query() -> None:
    form = form_of(page("<form><input name=q value=1>"), "q")  # whose end nobody has written
    assert (form.method, form.action, form.values) == ("GET", "http://127.0.0.1:1/login/", {"q": "1"})


def test_what_is_not_there_is_told_with_what_there_is_and_no_value() -> None:
    with pytest.raises(FormError, match=r"/login/ has no form with token; one has the fields csrf, username, password"):
        form_of(page(LOGIN), "token", "username", "password")
    with pytest.raises(FormError, match=r"/login/ has no form; one with token was looked for"):
        form_of(page("<p>Welcome", "http://127.0.0.1:1/login/?secret=1"), "token")
    with pytest.raises(FormError, match=r"has no field user; its fields are csrf, username") as told:
        form_of(page(LOGIN), "username").filled({"user": "me"})
    assert "a&b" not in str(told.value) and isinstance(told.value, NotReadyError)
    assert has_form(page(LOGIN), "username", "password") and not has_form(page("<p>Welcome"), "username")


def answer(body: str, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_form_is_sent_with_its_token_its_cookie_and_its_page(make: Make) -> None:
    first = answer(LOGIN, more="Set-Cookie: csrf=abc; Path=/\r\n")
    with scripted([READ, first, READ, answer("in")]) as server:
        client = make(server.url)
        form = fetch_form(client, "/login/", "csrf", "username")
        client.send(form.prepare(client, {"username": "me", "password": "p w"}, name="log in"))
        (sent,) = server.seen()
    _, post = sent.decode().split("POST ", 1)
    assert post.startswith("/login?next=%2Fme HTTP/1.1\r\n")
    assert f"Referer: {server.url}/login/\r\n" in post and "\r\nCookie: csrf=abc" in post
    assert post.endswith(
        "csrf=a%26b%22c&username=me&password=p+w&keep=yes&r=2&lang=de&size=small&note=%0Atwo+lines&send=Log+in"
    )
    assert [event["name"] for event in client.events] == ["/login/", "log in"] and client.outcomes == ["ok", "ok"]


@pytest.mark.parametrize(
    ("sent", "outcome", "words"),
    [
        (answer("<p>no"), "no such form", "has no form"),
        (answer(LOGIN, "503 Away"), "http 503", "was answered with http 503, and no page with a form"),
        (b"", "connection reset", "was answered with connection reset"),
    ],
)
def test_a_page_without_its_form_is_a_failed_request(make: Make, sent: bytes, outcome: str, words: str) -> None:
    with scripted([READ, sent, "close"]) as server:
        client = make(server.url)
        with pytest.raises(FormError, match=words):
            fetch_form(client, "/login/?next=secret", "csrf")
        assert client.outcomes == [outcome]


def test_what_this_client_does_not_send_is_said(make: Make) -> None:
    form = form_of(page('<form method=post enctype="multipart/form-data"><input name=a>'), "a")
    with pytest.raises(FormError, match="use a stock class"):
        form.prepare(make("http://127.0.0.1:1"), {})
    elsewhere = form_of(page('<form method=post action="https://id.example/login"><input name=a>'), "a")
    with pytest.raises(ValueError, match=r"is not on http://127\.0\.0\.1:1"):
        elsewhere.prepare(make("http://127.0.0.1:1"), {})


def test_a_login_that_is_answered_with_the_form_again_is_called_so(make: Make) -> None:
    """With status 200, so that only a look at the page can tell; a cause of its own, or just a wrong answer."""

    def check(page: Response) -> Exception | None:
        return WrongAnswerError("login form again") if has_form(page, "password") else None

    with scripted([READ, answer(LOGIN), READ, answer("<p>Hello"), READ, answer(LOGIN)]) as server:
        client = make(server.url)
        for each in (check, check, lambda page: "again" if has_form(page, "password") else None):
            client.send(client.prepare("POST", "/login"), check=each)
    assert client.outcomes == ["login form again", "ok", "wrong answer"]
