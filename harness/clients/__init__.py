"""Small clients, one a protocol, for probes, faults and checks: they run without Locust and without gevent."""
