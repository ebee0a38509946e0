"""Accounts for tests, as a CSV file, and what their passwords begin with: nothing that a run leaves may show one."""

from __future__ import annotations

from pathlib import Path

PASSWORD = "pAss-"


def password_of(number: int) -> str:
    return f"{PASSWORD}{number:04d}"


def written(path: Path, count: int) -> Path:
    """``member0``, ``member1`` …"""
    rows = [f"member{number},{password_of(number)}\n" for number in range(count)]
    path.write_text("username,password\n" + "".join(rows))
    return path
