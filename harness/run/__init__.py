"""One run on the master or the local runner, and a worker's part in it. Read ``run.py`` first."""
