"""What Springback adds to Locust's web UI, on the master or the local runner.

``guard``    who may talk to it at all: the names it is bound to, and pages of its own
``form``     what the form may set, the check before anything starts, and the kill switch
``form_fields``  the form's fields as the page (``form.js``) draws them, and its preview of the shape
``pages``    the runs and their reports, and the live page (``panel.js``), which Locust shows as a tab
``status``   how the session stands
``updates``  who is sent what has changed, once a second; ``messages`` has what that is
``locust_state``  what Locust's own page is told of a run that takes its time to begin and to end
"""
