"""Locust patches the process, and does so before anything else, so that each file of this folder can be run alone."""

import locust  # noqa: F401
