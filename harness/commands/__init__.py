"""The commands of ``springback``, one a file."""
