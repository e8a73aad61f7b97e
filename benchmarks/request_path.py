"""Which of the shop's own files a request passes: how many, how often the path changes file, how many calls.

python benchmarks/request_path.py [--root CHECKOUT] [--files]   the database is DATABASE_URL's, else an empty SQLite

Run as a script, so that it can look at another checkout than its own.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


class RequestPath:
    """Counts the calls into files below `root`; a context manager around one request."""

    def __init__(self, root: Path) -> None:
        self.folders = tuple(f"{root / name}{os.sep}" for name in ("products", "shop"))
        self.root = root
        self.files: dict[str, int] = {}
        self.changes, self.calls, self.last = 0, 0, ""

    def __enter__(self) -> "RequestPath":
        sys.setprofile(self._see)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(self.folders):
            return
        self.calls += 1
        self.files[name] = self.files.get(name, 0) + 1
        self.changes += name != self.last
        self.last = name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--files", action="store_true", help="name the files as well")
    given = parser.parse_args()
    root = given.root.resolve()
    sys.path[0] = str(root)
    os.chdir(root)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/path.sqlite3")
        os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "INFO", "ALLOWED_HOSTS": "testserver"}
        report(root, requests(), files=given.files)


def requests() -> dict[str, Callable[[], Any]]:
    """Make a product and a customer; return the requests to look at, by name."""
    import logging  # noqa: PLC0415 - Django is not set up before
    import warnings  # noqa: PLC0415

    import django  # noqa: PLC0415

    warnings.simplefilter("ignore")
    django.setup()
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


def report(root: Path, named: dict[str, Callable[[], Any]], *, files: bool) -> None:
    rows = []
    for name, send in named.items():
        for _ in range(3):  # fills caches, which a running server has filled
            response = send()
            if response.status_code >= 400:
                sys.exit(f"{name} was answered with {response.status_code}: {response.content!r}")
        with RequestPath(root) as path:
            send()
        rows.append(f"| `{name}` | {len(path.files)} | {path.changes} | {path.calls} |")
        if files:
            rows += [
                f"|   {Path(each).relative_to(root)} | | | {calls} |" for each, calls in sorted(path.files.items())
            ]
    sys.stdout.write("\n".join(["| request | files | changes of file | calls |", "|---|---:|---:|---:|", *rows, ""]))


if __name__ == "__main__":
    main()
