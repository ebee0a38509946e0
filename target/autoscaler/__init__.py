"""The autoscaler: Kubernetes' formula, real processes, and a proxy that loses no request. `up --autoscale`.

It runs in the supervisor, in its one thread: `step` is called again and again and never waits.
"""
