"""gunicorn's configuration, for a checkout and the image. `gunicorn shop.wsgi` reads this file without being told to.

| Variable | Meaning | Default |
|---|---|---|
| LISTEN_ON | the address to listen on; 0.0.0.0 in the image | 127.0.0.1 |
| PORT | the port to listen on | 8000 |
| WEB_CONCURRENCY | worker processes | 2 |
| WEB_THREADS | threads in each worker, each with its own database connection | 4 |
| GRACEFUL_TIMEOUT_SECONDS | how long a running request may take after SIGTERM | 25 |
| KEEP_ALIVE_SECONDS | how long an idle connection is kept open | 75 |

GUNICORN_CMD_ARGS and the command line take precedence. Under systemd socket activation LISTEN_ON and PORT are ignored.
A thread that waits for a slow client serves nobody else, so put a proxy that buffers requests in front (deploy/nginx).
"""

import gc
import logging
import os
import sys
from logging.config import dictConfig
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn import glogging
from gunicorn.config import Config

from shop import metrics_directory
from shop.env import Environment
from shop.pre_request import mark_ambiguous

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

variables = Environment()

listen_on = variables.text(
    "LISTEN_ON",
    default="127.0.0.1",
    pattern=r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]",
    expected="an address such as 0.0.0.0",
)
port = variables.integer("PORT", default=8000, minimum=1, maximum=65_535)
bind = f"{listen_on}:{port}"

worker_class = "gthread"
workers = variables.integer("WEB_CONCURRENCY", default=2, minimum=1, maximum=256)
threads = variables.integer("WEB_THREADS", default=4, minimum=1, maximum=256)

# A worker whose main loop is silent for this long is replaced. It does not limit a request, which runs in a thread.
timeout = 30
graceful_timeout = variables.integer("GRACEFUL_TIMEOUT_SECONDS", default=25, minimum=1, maximum=3_600)
# Longer than the proxy keeps its connections (60 s in deploy/nginx), so that it never sends into one that just closed.
keepalive = variables.integer("KEEP_ALIVE_SECONDS", default=75, maximum=3_600)

# WSGI maps Idempotency_Key and Idempotency-Key to the same name, and SCRIPT_NAME changes every path.
header_map = "refuse"
forwarder_headers = ""
# gunicorn trusts no proxy headers. Django decides the scheme, and only if TRUSTED_PROXIES is set (shop/settings.py).
forwarded_allow_ips = ""
# The allow list does not apply to UNIX sockets, whose peers gunicorn always trusts.
secure_scheme_headers: dict[str, str] = {}
pre_request = mark_ambiguous

# Workers touch a file to prove that they are alive. On a busy or read-only disk they would look dead.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Unused, and it needs a writable home directory.
control_socket_disable = True

errorlog = "-"


class Logger(glogging.Logger):
    """Log in the same format as Django.

    gunicorn's `logconfig_dict` would also prepare an access log line for every request, which takes 0.05 ms.
    """

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        dictConfig(settings.LOGGING)


logger_class = Logger


def on_starting(server: Any) -> None:
    """Load the application once, so that the workers share its memory."""
    logging.captureWarnings(True)
    # preload_app would load it before this hook, and prometheus_client looks for its directory when it is imported.
    metrics_directory.make(server.cfg.uid, server.cfg.gid)
    server.app.wsgi()
    gc.collect()
    gc.freeze()  # A collection in a worker would write to the shared pages, and so copy them.


def on_exit(server: Any) -> None:
    metrics_directory.remove()


try:
    variables.raise_errors()
    # The first access to the settings, so that invalid ones are reported as a sentence before gunicorn starts. gunicorn
    # reads SCRIPT_NAME from its environment only, and the shop also from SCRIPT_NAME_FILE.
    raw_env = [f"SCRIPT_NAME={settings.FORCE_SCRIPT_NAME or ''}"]
except ImproperlyConfigured as problem:
    sys.exit(str(problem))
