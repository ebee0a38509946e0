"""The highly available form: PostgreSQL under Patroni, Valkey under Sentinel, and nodes that die and come back."""
