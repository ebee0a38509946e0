"""The servers: PostgreSQL primary and replica, Valkey, HAProxy and n API processes; up and down."""
