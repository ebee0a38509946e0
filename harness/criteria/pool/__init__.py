"""Connection pools and database sessions."""
