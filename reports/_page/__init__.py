"""The page of ``report.html``: template, style, script, and small pieces of markup made in Python."""
