"""What becomes of the writes, and who takes them, when a replicated database changes its primary."""
