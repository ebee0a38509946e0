"""Comparison of runs: is the second of two, or the second group, worse than the first?"""
