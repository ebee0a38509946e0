"""Known, switchable defects: one file each, the file's name is the fault's name. Copy `noop.py` to add one."""
