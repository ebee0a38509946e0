"""Known, switchable defects: one file each, named like the fault. Copy `noop.py` to add one."""
