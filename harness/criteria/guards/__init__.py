"""Guards: whether the evidence can be relied upon. Every criterion in this folder is a guard of every run."""
