"""Settings of an API process: every problem in one line, and no password in it."""

from __future__ import annotations

import pytest

from target.errors import EXIT_USAGE, UsageError
from target.service.settings import from_environment, node_addresses

NEEDED = {
    "TARGET_PRIMARY_DSN": "postgresql://h/d",
    "TARGET_REPLICA_DSN": "postgresql://h/d",
    "TARGET_VALKEY_URL": "redis://h",
    "TARGET_SIGNING_KEY": "k" * 32,
    "TARGET_FAULT_TOKEN": "t",
}


def test_nodes_are_named_by_the_setting_or_by_their_address() -> None:
    """A DSN's own parameters may have an equals sign."""
    assert node_addresses("postgresql://u:p@h1:5433/d?application_name=x b=postgresql://u:p@h2/d") == [
        ("h1:5433", "postgresql://u:p@h1:5433/d?application_name=x"),
        ("b", "postgresql://u:p@h2/d"),
    ]
    assert node_addresses("") == []


def test_every_wrong_address_is_named_at_once_and_no_password() -> None:
    """Exit code 2, and a remedy."""
    wrong = {
        "TARGET_DATABASE_NODES": "one=postgresql://u:secret@h/d one=postgresql://u:secret@i/d",
        "TARGET_VALKEY_SENTINELS": ":secret@h1 h2:1 h3:x",
        "TARGET_RATE_LIMIT_PATHS": "/items ledger",
        "TARGET_OTLP_ENDPOINT": "localhost:4318",
        "TARGET_RATE_LIMIT": "0",
        "TARGET_NODES_CHECK_S": "often",
    }
    with pytest.raises(UsageError) as caught:
        from_environment({**NEEDED, **wrong})
    text = str(caught.value)
    for part in (
        "DATABASE_NODES has one more than once",
        "VALKEY_SENTINELS: h1 is not HOST:PORT",
        "VALKEY_SENTINELS: h3:x is not HOST:PORT",
        "RATE_LIMIT_PATHS: ledger does not begin with /",
        "OTLP_ENDPOINT='localhost:4318' is not http://HOST:PORT",
        "TARGET_RATE_LIMIT=0 is below 1",
        "TARGET_NODES_CHECK_S='often' is not a number",
    ):
        assert part in text
    assert "secret" not in text
    assert caught.value.exit_code == EXIT_USAGE


@pytest.mark.parametrize("nodes", ["nonsense", "one=", "one=host=x user", "postgresql://h:port/d"])
def test_what_is_no_dsn_is_refused(nodes: str) -> None:
    """Before the first connection, not by a traceback."""
    with pytest.raises(UsageError, match="DATABASE_NODES is not"):
        from_environment({**NEEDED, "TARGET_DATABASE_NODES": nodes})


def test_what_is_right_is_accepted() -> None:
    """As the highly available form of the stack gives it."""
    right = {
        "TARGET_DATABASE_NODES": "db1=postgresql://u:p@127.0.0.1:1/d db2=postgresql://u:p@127.0.0.1:2/d",
        "TARGET_VALKEY_SENTINELS": "127.0.0.1:1 :p@127.0.0.1:2",
        "TARGET_RATE_LIMIT_PATHS": "/items /auth/login",
        "TARGET_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    }
    assert from_environment({**NEEDED, **right}).valkey_sentinels == "127.0.0.1:1 :p@127.0.0.1:2"
