"""Does a circuit breaker open, spare its dependency, and close?"""
