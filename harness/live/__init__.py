"""The live state of a run: one, fed as things arrive, read by whoever shows how the run stands. See ``state.py``."""
