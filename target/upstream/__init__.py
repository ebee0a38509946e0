"""The upstream: a service that the reference target depends on, in a process of its own.

It imports little, counts every call it receives, and fails when it is told to.
"""
