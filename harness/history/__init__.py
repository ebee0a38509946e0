"""The history: what became of every run of a runs directory, in one file beside them that can be made anew from them at
any time.
"""
