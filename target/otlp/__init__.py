"""A small OTLP/HTTP receiver, which keeps the newest spans in memory; see `up --ha --otlp-receiver`."""
