"""Which file a word on the command line means, and which one was probably meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.commands.scenario_files import find
from harness.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("saile.py", "saile.py: there is no such file; did you mean sale.py?"),
        ("on/saile.py", "on/saile.py: there is no such file; name a scenario file, or one of autoscaling"),
        ("of/summer-slae.py", "of/summer-slae.py: there is no such file; did you mean of/summer_sale.py?"),
        ("sale", "sale: neither a file nor a scenario of Springback's; did you mean sale.py?"),
        ("logn-herd", "logn-herd: neither a file nor a scenario of Springback's; did you mean login-herd?"),
        ("", "an empty word: neither a file nor a scenario of Springback's; there are autoscaling"),
        ("of", "of: a folder; name a scenario file"),
    ],
)
def test_a_word_that_is_no_scenario_is_answered_with_the_nearest(
    word: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of").mkdir()
    for name in ("sale.py", "of/summer_sale.py", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigurationError) as refused:
        find(word)
    assert refused.value.messages[0].startswith(told)


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("login-herd").endswith("locustfiles/login_herd.py")
    (tmp_path / "login-herd").touch()
    assert find("login-herd") == "login-herd"


def test_a_scenario_of_ours_is_read_at_one_look() -> None:
    """What is longer has something of its own that belongs to the harness."""
    ours = re.findall(r"^\| `(\w+\.py)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    lines = {name: len((ROOT / "locustfiles" / name).read_text().splitlines()) for name in ours}
    assert len(ours) > 10 and {name: count for name, count in lines.items() if count > 80} == {}
