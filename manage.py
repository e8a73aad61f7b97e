#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    if sys.argv[1:2] != ["runserver"] and not os.environ.get("STATEMENT_TIMEOUT_SECONDS_FILE"):
        # A request has to be answered; a migration may take its time, but not wait for locks (shop/db/engines.py).
        os.environ["STATEMENT_TIMEOUT_SECONDS"] = os.environ.get("STATEMENT_TIMEOUT_SECONDS") or "0"
    execute_from_command_line(sys.argv)
