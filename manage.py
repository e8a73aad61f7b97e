#!/usr/bin/env python
"""Runs a command of Django's or of the shop's. What the environment lacks is said in a sentence."""

import os
import sys

try:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import Error, NotSupportedError
except ModuleNotFoundError:
    sys.exit(f"{sys.executable} has no Django; run `make install`, and then .venv/bin/python manage.py.")

from products.db.errors import cause_of, is_unavailable


def main() -> None:
    """Run the command that the command line names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    if sys.argv[1:2] != ["runserver"] and not os.environ.get("STATEMENT_TIMEOUT_SECONDS_FILE"):
        # A request has to be answered; a migration may take its time, but not wait for locks (shop/db/engines.py).
        os.environ["STATEMENT_TIMEOUT_SECONDS"] = os.environ.get("STATEMENT_TIMEOUT_SECONDS") or "0"
    try:
        settings.LOGGING  # noqa: B018 - reads the environment
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
    try:
        execute_from_command_line(sys.argv)
    except Error as error:
        # Django raises NotSupportedError for a server that is too old.
        is_unsupported = isinstance(error, NotSupportedError)
        if "--traceback" in sys.argv or not (is_unavailable(error) or is_unsupported):
            raise
        cause = cause_of(error)
        state = "not usable" if is_unsupported else "unavailable"
        sys.exit(f"The database is {state}: {cause.message} ({cause.code or cause.error})")


if __name__ == "__main__":
    main()
