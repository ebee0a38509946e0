"""Hypothesis without its deadline: a busy machine must not make a test fail that counts nothing but truth."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("springback", deadline=None)
settings.load_profile("springback")
