"""Count the shop's own files that a request runs through, the changes from file to file, and the function calls.

python benchmarks/request_path.py [--root CHECKOUT] [--files]

Sends the requests in process, with Django's test client, so the web server's own code is not included. Uses the
database that DATABASE_URL names, otherwise an empty SQLite file. Imports nothing of the benchmarks, so that as a script
it can examine another checkout.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Self

PACKAGES = ("products", "shop")
WARM_UP = 3  # requests, which fill the caches that are full in a running server


class RequestPath:
    """A context manager that records the calls into the files of `packages` below `root`, in its own thread."""

    def __init__(self, root: Path, packages: tuple[str, ...] = PACKAGES) -> None:
        self.folders = tuple(f"{root / name}{os.sep}" for name in packages)
        self.calls_by_file: Counter[str] = Counter()
        self.changes = 0
        self.last_file = ""

    def __enter__(self) -> Self:
        sys.setprofile(self._record)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)

    @property
    def files(self) -> int:
        return len(self.calls_by_file)

    @property
    def calls(self) -> int:
        return self.calls_by_file.total()

    def _record(self, frame: FrameType, event: str, argument: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(self.folders):
            self.calls_by_file[file] += 1
            self.changes += file != self.last_file
            self.last_file = file


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="the checkout")
    parser.add_argument("--files", action="store_true", help="list the files as well")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    sys.path[0] = str(root)
    os.chdir(root)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/path.sqlite3")
        os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "INFO", "ALLOWED_HOSTS": "testserver"}
        sys.stdout.write(report(root, prepare_requests(), files=arguments.files))


def prepare_requests() -> dict[str, Callable[[], Any]]:
    """Set up Django, create a product and a customer, and return {name: a function that sends the request}."""
    import logging  # noqa: PLC0415 - everything below needs sys.path and the environment to be set
    import warnings  # noqa: PLC0415

    import django  # noqa: PLC0415

    warnings.simplefilter("ignore")
    django.setup()
    # Requests are logged as in production, but not to the terminal.
    logging.getLogger().handlers[0].stream = open(os.devnull, "w")  # type: ignore[attr-defined]  # noqa: SIM115
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from products.models import ApiToken, Product  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    product = Product.objects.create(sku="PATH-1", name="A product", price="4.50")
    product.receive(1_000)
    _, secret = ApiToken.objects.issue(User.objects.create_user("path"))
    client = Client(headers={"authorization": f"Token {secret}"})
    body = {"product": product.pk, "quantity": 1}
    return {
        "POST /api/orders": lambda: client.post("/api/orders", body, content_type="application/json"),
        "GET /api/products": lambda: client.get("/api/products"),
    }


def report(root: Path, requests: dict[str, Callable[[], Any]], *, files: bool) -> str:
    """Send each request and return a table of what was counted."""
    lines = ["| request | files | changes of file | calls |", "|---|---:|---:|---:|"]
    for name, send in requests.items():
        for _ in range(WARM_UP):
            response = send()
            if response.status_code >= 400:
                sys.exit(f"{name} was answered with {response.status_code}: {response.content!r}")
        with RequestPath(root) as path:
            send()
        lines.append(f"| `{name}` | {path.files} | {path.changes} | {path.calls} |")
        if files:
            listed = sorted(path.calls_by_file.items())
            lines += [f"|   {Path(file).relative_to(root)} | | | {calls} |" for file, calls in listed]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
