"""The reference target: a small real service on real servers, whose faults are known and switchable.

`python -m target up` starts it. Nothing in here imports the harness: it can stand in for anybody's service.
"""
