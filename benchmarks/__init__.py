"""Speed and memory, side by side with stock Locust and with whatever peers are on PATH, as ratios of one run.

One contest a file, each with ``run(rounds) -> list[Table]``; the folder is the list of contests. Files that begin
with an underscore serve them.
"""
