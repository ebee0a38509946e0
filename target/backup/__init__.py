"""Backups of the service's database: taken under load, verified, restored on a fresh server, and let go in time."""
