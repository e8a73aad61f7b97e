"""For a Python under libfaketime, which finds this by its PYTHONPATH.

libfaketime 0.9.10 answers the system call behind time.sleep with "Invalid argument" where it leaves the monotonic clock
alone; waiting for nothing takes the same time.
"""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)
