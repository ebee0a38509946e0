"""The calibration with fewer runs: no share is proven to be other than what is wanted."""

from __future__ import annotations

import pytest

from harness.analysis.intervals import clopper_pearson
from tests.calibration.__main__ import rows
from tests.calibration.figures import Share

CONFIDENCE = 0.9999
"""That a right share is outside of the interval by chance in no more than one of ten thousand."""
SHORT_BY = 0.2
"""What is known to fall short may do so by as much; the page shows it with its reason."""


@pytest.mark.parametrize("name", rows())
def test_no_share_is_proven_to_be_other_than_wanted(name: str) -> None:
    row = rows()[name]
    shares = [figure for figure in row.figures(range(row.SHORT), map) if isinstance(figure, Share) and figure.goal]
    assert shares
    assert all(share.goal[1] == 1 and share.goal[0] >= 0.9 for share in shares if share.goal and share.known_short)
    for share in shares:
        low, high = clopper_pearson(share.count, share.of, CONFIDENCE)
        least = SHORT_BY if share.known_short else 0.0
        assert share.goal is not None and low <= share.goal[1] and high >= share.goal[0] - least, share
