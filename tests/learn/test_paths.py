"""Paths become kinds, and what may be a secret stays in none of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.learn.paths import Mix, path_of, sendable


@pytest.mark.parametrize(
    ("target", "template", "is_secret"),
    [
        ("/", "/", False),
        ("/users/42/orders", "/users/{id}/orders", False),
        ("/api/v1/items/7?key=hush#x", "/api/v1/items/{id}", False),
        ("https://me:hush@shop.example:8443/a/7", "/a/{id}", False),
        ("/cart;jsessionid=HUSH", "/cart", False),
        ("/days/2026-06-13", "/days/{date}", False),
        ("/f/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/f/{uuid}", True),
        ("/img/9f86d081884c7d659a2f.png", "/img/{token}", True),
        ("/s/9f86d081884c7d65", "/s/{hash}", True),
        ("/reset/k3J9", "/reset/{token}", True),
        ("/a/token=hush", "/a/{token}", True),
        ("/reset/done", "/reset/done", False),
        ("/auth/login", "/auth/login", False),
        ("/t/eyJhbGciOi.x.y", "/t/{token}", True),
        ("/u/me%40shop.example", "/u/{email}", True),
        ("/hooks/T0AB12CD3/B0AB12CD3", "/hooks/{token}/B0AB12CD3", True),
        ("/ü b", "/%C3%BC%20b", False),
        ("/static/app.min.css", "/static/app.min.css", False),
    ],
)
def test_a_path_is_known_by_its_kind(target: str, template: str, is_secret: bool) -> None:
    path = path_of(target)
    assert path is not None and (path.template, path.is_secret) == (template, is_secret)


@pytest.mark.parametrize("target", ["*", "", "shop.example:443", "http://[::1", "/" + "a" * 3000, "/a\x1b[2J"])
def test_what_is_no_path_is_none(target: str) -> None:
    assert path_of(target) is None


@given(st.text(max_size=60))
def test_a_path_can_be_sent_and_written_whatever_it_was(target: str) -> None:
    path = path_of("/" + target)
    if path is not None:
        assert path.path.isascii() and path.path.isprintable() and not set(path.path) & set(' "\\?#;\n')
        assert path_of(path.path) == path


def test_as_many_paths_as_requests_are_folded_into_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is lost, and only some paths are kept."""
    monkeypatch.setattr(Mix, "MOST_RAW", 100)
    mix = Mix()
    for start in range(0, 10_000, 50):
        mix.add(Counter({(b"GET", f"/items/{n}".encode()): 1 for n in range(start, start + 50)}))
    (kind,) = mix.kinds()
    assert (kind.name, kind.count) == ("GET /items/{id}", 10_000) and len(kind.samples) <= 200


def test_of_what_may_be_secret_no_path_is_kept() -> None:
    mix = Mix()
    mix.add(Counter({(b"GET", b"/reset/k3J9"): 3, (b"GET", b"/items/7"): 2}))
    secret, plain = mix.kinds()
    assert (secret.name, secret.is_secret, secret.count, secret.samples) == ("GET /reset/{token}", True, 3, {})
    assert (plain.name, plain.is_secret, plain.count, plain.samples) == ("GET /items/{id}", False, 2, {"/items/7": 2})


def test_only_what_can_be_sent_again_is_kept_and_the_rest_is_counted() -> None:
    mix = Mix()
    mix.add(Counter({(b"GET", b"/"): 9, (b"POST", b"/cart"): 5, (b"GET", b"/reset/k3J9"): 3, (b"GET", b"/rare"): 1}))
    kept, left_out = sendable(mix.kinds(), most=1)
    assert [kind.name for kind in kept] == ["GET /"]
    assert sorted(left_out.values()) == [1, 3, 5]


def test_no_more_paths_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be as many as requests: of more they are folded into their kinds at once."""
    assert (Mix.MOST_RAW, Mix.MOST_KINDS) == (100_000, 20_000)
    monkeypatch.setattr(Mix, "MOST_RAW", 2)
    mix = Mix()
    mix.add(Counter({(b"GET", b"/items/1"): 1, (b"GET", b"/items/2"): 1}))
    assert len(mix._raw) == 2, "as many are not folded yet: it takes its time"
    mix.add(Counter({(b"GET", b"/items/3"): 1}))
    assert not mix._raw
    (kind,) = mix.kinds()
    assert (kind.count, sorted(kind.samples)) == (3, ["/items/1", "/items/2", "/items/3"])
