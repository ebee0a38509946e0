"""Measuring load and the life cycle of a run. Lives inside a Locust process, except for the sampler."""
