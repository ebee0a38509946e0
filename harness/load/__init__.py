"""Making load: plans, pacers, clocks, and users for each protocol. Lives inside a Locust process."""
