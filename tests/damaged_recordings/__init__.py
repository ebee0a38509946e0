"""Damaged recordings: read, dumped, judged and reported, without a traceback, a hang or a PASS that damage has made.

``python -m tests.damaged_recordings [NUMBER [SEED [EVERY]]]`` makes NUMBER of them (1,000) out of kept and synthetic
recordings, as SEED (1) says, and prints how many were refused, ended how, crashed, hung, or passed falsely, and what
the slowest took. Of each one other format is made, in turn, and of each EVERY-th (100) the page, which takes ten times
as long as everything else.
"""
