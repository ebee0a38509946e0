"""The page of ``report.html``: template, style, script, and the small pieces of markup that are made in Python."""
