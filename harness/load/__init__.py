"""Making load: plans, pacers, clocks, and users for each protocol. Lives in a load process."""

from harness import hidden_packages

hidden_packages.require_none()  # whatever is imported next would fail, and not say why
