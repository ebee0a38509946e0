"""What a locustfile imports of the user's own, by which workers are compared."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from harness.run.own_modules import own_modules

FILES = {
    "main_of_mine.py": """
import json, harness
import installed_elsewhere
from locust import task
from pages_of_mine import PATH
try:
    from . import nothing
except ImportError:
    nothing = None
if PATH:
    import shop_of_mine.basket
def later():
    import only_later_of_mine
""",
    "pages_of_mine.py": "PATH = '/'",
    "only_later_of_mine.py": "",
    "shop_of_mine/__init__.py": "from .prices import PRICE",
    "shop_of_mine/prices.py": "PRICE = 1",
    "shop_of_mine/basket.py": "from . import prices",
    "elsewhere/site-packages/installed_elsewhere.py": "import only_later_of_mine",
}
OWN = ["pages_of_mine", "shop_of_mine", "shop_of_mine.basket", "shop_of_mine.prices"]


def test_they_are_found_with_what_they_import_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere" / "site-packages"))
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = ["main_of_mine", "installed_elsewhere", *OWN]
    try:
        importlib.import_module("main_of_mine")
        before = own_modules(tmp_path / "main_of_mine.py")
        importlib.import_module("only_later_of_mine")
        assert list(before) == OWN
        assert own_modules(tmp_path / "main_of_mine.py") == before, "whoever has run tasks has loaded more"
        (tmp_path / "shop_of_mine/prices.py").write_text("PRICE = 2")
        after = own_modules(tmp_path / "main_of_mine.py")
        assert [name for name in OWN if after[name] != before[name]] == ["shop_of_mine.prices"]
    finally:
        for name in (*loaded, "only_later_of_mine"):
            sys.modules.pop(name, None)
