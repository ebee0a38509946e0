"""Connections that are kept open, and the messages on them."""
