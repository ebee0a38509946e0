"""What axe-core finds wrong with a page for those who cannot see it, or have no mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axe_playwright_python.sync_playwright import Axe

STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


COLOURS = ("color-contrast", "link-in-text-block")
"""Of their rules those whose answer depends on colours: a page is otherwise the same in both schemes."""


def violations(page: Any, part: str | None = None, rules: Sequence[str] = STANDARDS) -> list[str]:
    """Each rule of WCAG 2.2 AA, and of good practice, that is broken: its name, and the elements that break it. Of the
    whole page, or of one ``part`` of it and all that is in its shadow.
    """
    found = Axe().run(page, part, {"resultTypes": ["violations"], "runOnly": list(rules)})
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found.response["violations"]]
