"""The application: one module a feature, each with a `routes(resources)` that `app.py` lists."""
