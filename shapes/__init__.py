"""Load over time. One profile a file; import the *module* and subclass its class (``from shapes import herd``)."""
