"""The reference target: a small real service on real servers, whose faults are known and switchable.

`python -m target up` starts it; nothing in here imports the harness, so it can stand in for anybody's service.
"""
