"""Whether this process is about to go. Apart from everything else, since gunicorn's worker and Django both ask it."""

import threading

draining = threading.Event()
