"""Headers that say which database node an answer is from."""

from __future__ import annotations

from target.service.database import Answer


def served_by(answer: Answer) -> dict[str, str]:
    """`X-Served-By`, `X-Read-From` (`primary` or `replica`) and, where it is known, `X-Replication-Lag-Seconds`."""
    headers = {"X-Served-By": answer.node, "X-Read-From": answer.role}
    if answer.lag_s is not None:
        headers["X-Replication-Lag-Seconds"] = f"{answer.lag_s:.3f}"
    return headers
