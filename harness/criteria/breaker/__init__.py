"""Does a circuit breaker open, spare its dependency, and close?"""

BREAKER_OPEN = "breaker open"
"""Outcome of an answer that carries the signature of an open breaker, which only a scenario knows."""
