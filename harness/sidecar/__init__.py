"""The processes beside the run: one samples the target, one injects faults. Neither imports Locust or gevent."""
