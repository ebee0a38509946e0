"""The formula of Kubernetes' HorizontalPodAutoscaler, pure: figures and times in, a number of replicas out.

desired = ceil(replicas × metric ÷ target), nothing within the tolerance; a replica that is not ready yet counts
with 0 when scaling up; scaling down takes the highest recommendation of the stabilisation window.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (algorithm details). Left out: the
rate limits of scaling up (4 pods or 100 % in 15 s), which a stack of this size does not reach.
"""

from __future__ import annotations

import math
from collections import deque

from target.autoscaler.policy import Policy


def recommended(policy: Policy, current: int, ready: int, metric: float | None) -> int:
    """`metric` is the average of the `ready` ones among `current` replicas; None: nothing is known."""
    if metric is None or ready == 0:
        return current
    ratio, counted = metric / policy.target, ready
    if abs(ratio - 1) <= policy.tolerance:
        return current
    if ratio > 1 and ready < current:
        ratio, counted = metric * ready / current / policy.target, current
        if ratio <= 1 + policy.tolerance:
            return current  # those on their way will do
    wanted = math.ceil(round(ratio * counted, 9))
    return max(wanted, current) if ratio > 1 else wanted


class Stabiliser:
    """Remembers recommendations, so that a short dip does not scale down."""

    def __init__(self, policy: Policy, started: float, replicas: int) -> None:
        self._policy = policy
        self._recent: deque[tuple[float, int]] = deque([(started, replicas)])

    def desired(self, now: float, current: int, wanted: int) -> int:
        """What to do about a recommendation made at `now`; within min and max."""
        self._recent.append((now, wanted))
        while self._recent[0][0] <= now - self._policy.stabilisation_s and len(self._recent) > 1:
            self._recent.popleft()
        if wanted < current:
            wanted = min(current, max(replicas for _, replicas in self._recent))
        return min(max(wanted, self._policy.min), self._policy.max)
