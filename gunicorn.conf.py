"""How gunicorn serves the shop, from a checkout and in the image: `gunicorn shop.wsgi` finds this file by itself.

| Variable | Meaning | Default |
|---|---|---|
| LISTEN_ON | the address to listen on; the image has 0.0.0.0 | 127.0.0.1 |
| PORT | the port to listen on | 8000 |
| WEB_CONCURRENCY | worker processes | 2 |
| WEB_THREADS | threads in each, and one more for probes; that is how many connections the database sees | 4 |
| DRAIN_SECONDS | how long after SIGTERM connections are still accepted, while /health/ready says 503 | 2 |
| GRACEFUL_TIMEOUT_SECONDS | how long a request may go on after SIGTERM; stay below the platform's patience | 25 |
| READ_TIMEOUT_SECONDS | how long a client may take to send a request, from its first byte on | 20 |
| KEEP_ALIVE_SECONDS | how long an idle connection is kept; stay above the load balancer's | 75 |

GUNICORN_CMD_ARGS and the command line win over all of them.
"""

import ctypes
import gc
import logging
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from shop import metrics_folder
from shop.connections import Client
from shop.env import Environment
from shop.gunicorn_log import Log
from shop.observability import logging as logs
from shop.worker import Worker

variables = Environment()

M_MMAP_THRESHOLD = -3  # malloc.h; see keep_no_large_blocks()

listen_on = variables.text(
    "LISTEN_ON", default="127.0.0.1", pattern=r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", wish="an address such as 0.0.0.0"
)
port = variables.whole("PORT", default=8000, at_least=1, at_most=65_535)
bind = f"{listen_on}:{port}"

# Threads, because sync workers drop the requests they are at when told to go.
worker_class = Worker
workers = variables.whole("WEB_CONCURRENCY", default=2, at_least=1, at_most=256)
threads = variables.whole("WEB_THREADS", default=4, at_least=1, at_most=256)

# A worker that shows no life for this long is replaced. It does not bound a request: another thread shows the life.
timeout = 30
graceful_timeout = variables.whole("GRACEFUL_TIMEOUT_SECONDS", default=25, at_least=1, at_most=3_600)
Worker.drain = variables.whole("DRAIN_SECONDS", default=2, at_most=600)
if Worker.drain >= graceful_timeout:
    variables.refuse("DRAIN_SECONDS is a part of GRACEFUL_TIMEOUT_SECONDS; write less than those.")
Client.patience = variables.whole("READ_TIMEOUT_SECONDS", default=20, at_least=1, at_most=3_600)
# A balancer that keeps connections for longer than we do sends requests into closed ones.
keepalive = variables.whole("KEEP_ALIVE_SECONDS", default=75, at_most=3_600)

# To WSGI, Idempotency_Key and Idempotency-Key are the same header, and SCRIPT_NAME moves every path.
header_map = "refuse"
forwarder_headers = ""

# The workers show life by touching a file; on a disk that is busy or read-only that would look like death.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Nobody uses it, and it wants a home folder that can be written.
control_socket_disable = True

errorlog = "-"
# The same lines as Django's. The level of gunicorn's own is gunicorn's option, --log-level.
log_level = variables.choice("LOG_LEVEL", default="INFO", among=["DEBUG", "INFO", "WARNING", "ERROR"])
logger_class = Log
Log.lines = logs.config(level=log_level, as_json=not variables.boolean("DEBUG", default=True))


def on_starting(server: Any) -> None:
    logging.captureWarnings(True)  # or Python writes them past the log
    metrics_folder.make(server.cfg.uid, server.cfg.gid)
    keep_no_large_blocks()
    # Load the shop once, for the workers to share its memory: two of them take a third less in all. preload_app would
    # do it before there is a folder, and prometheus_client looks for that when it is imported.
    try:
        server.app.wsgi()
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
    gc.collect()
    gc.freeze()  # so that no collection in a worker touches, and so copies, what is shared


def keep_no_large_blocks() -> None:
    """Have blocks of a MiB and more given back to the system when they are freed, where the C library is glibc.

    Each password takes 19 MiB to check, which glibc keeps for each thread: 80 MB a worker, for 9 ms less a login.
    """
    glibc = ctypes.CDLL(None)
    if hasattr(glibc, "mallopt"):
        glibc.mallopt(M_MMAP_THRESHOLD, 1_048_576)


def child_exit(server: Any, worker: Any) -> None:
    if isinstance(worker, Worker):
        worker.share.end()


def on_exit(server: Any) -> None:
    metrics_folder.remove()


try:
    variables.complain()
except ImproperlyConfigured as problem:
    sys.exit(str(problem))
