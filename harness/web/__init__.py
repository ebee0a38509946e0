"""What Springback adds to Locust's web UI, on the master or the local runner.

``guard``    who may talk to it at all: the names it is bound to, and pages of its own
``form``     what the form may set, and the check before anything starts
``pages``    the runs and their reports, and the live tab (``panel.js``)
``locust_state``  what Locust's own page is told of a run that takes its time to begin and to end
"""
