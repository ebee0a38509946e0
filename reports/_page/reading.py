"""How to read a report: the words and figures that need a definition."""

from __future__ import annotations

DEFINITIONS = (
    (
        "Intended start",
        "The instant at which a request should have begun according to the plan, whether or not the "
        "target or the load generator was ready for it. Latency is counted from it to the end of the "
        "answer, so time spent waiting for a stalled target is not lost. Every chart counts a request in "
        "the second of its intended start; only the chart of the throughput shows when the answers came.",
    ),
    (
        "Recovery time",
        "From the end of the spike to the start of the first stretch of windows that are back inside the "
        "band of the baseline. “> 60 s” means that this did not happen while we watched: the true time is "
        "longer, or there is no recovery at all. That is never counted as a pass.",
    ),
    (
        "PASS, FAIL, INCONCLUSIVE",
        "A criterion is decided on the whole interval of its figure: PASS when all of it keeps the limit, "
        "FAIL when none of it does. Anything else is INCONCLUSIVE, and so is a finding whose evidence a "
        "guard has voided, for good or bad. The verdict is the worst finding.",
    ),
    (
        "95 % interval",
        "The range in which the true figure lies with 95 % confidence, given how many requests were seen "
        "and how alike they were. With few samples it is wide, and a limit inside it settles nothing. “Census” "
        "stands where the requests of one herd shared one queue: the figure is exact for this herd, and says "
        "nothing of the next one. What is “of these requests only” says nothing of others, either: they were "
        "sent in too few seconds, or in seconds that were too much alike.",
    ),
    (
        "p50, p95, p99",
        "Half, 95 % and 99 % of the answered requests were at most this slow. Below 59 samples a p95, and "
        "below 299 a p99, rests on too few requests to be bounded; n is therefore given beside it.",
    ),
    (
        "Release skew",
        "How far apart the requests of one herd were really sent, first to last, over all load processes. "
        "The uncertainty of their clocks comes on top. A wide release is not the spike that was planned.",
    ),
)
