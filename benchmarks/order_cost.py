"""Measure the CPU of an order, of a page of products and of a history: in the server's process and in PostgreSQL.

python -m benchmarks.order_cost [--beside CHECKOUT] [--rounds 12] [--requests 200]

Sends the requests in process and one at a time, so that neither a web server nor waiting is included, and reads the
CPU time of this process and of its one PostgreSQL backend. It prints the minimum of the rounds, which is the
cost of the work itself, and the median, which includes disturbances by other processes. `--beside` measures another
checkout in the same rounds, each in its own process and database. The number of function calls does not depend on
the load. Needs Linux.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, NamedTuple
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
CASES = ("order of one line", "order of five lines", "page of products", "history of orders")
COUNTED = 5  # requests, of which the function calls are counted
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "DEBUG": "false",
    "SECRET_KEY": "only-for-a-measurement-that-nobody-else-can-reach-0123456789",
    "ALLOWED_HOSTS": "127.0.0.1",
    "REQUESTS_PER_MINUTE": "1000000",
    "TRUSTED_PROXIES": "1",
}


class Cost(NamedTuple):
    """The CPU of one request, in milliseconds, and the function calls that it makes in Python."""

    server: float
    database: float
    calls: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--beside", type=Path, help="another checkout of the shop")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--requests", type=int, default=200, help="of each case in a round")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)  # in a process of main()'s own
    options = parser.parse_args(arguments)
    if options.work:
        work(options.requests)
        return
    checkouts = [ROOT] if options.beside is None else [ROOT, options.beside.resolve()]
    rounds: dict[tuple[Path, str], list[Cost]] = {(root, case): [] for case in CASES for root in checkouts}
    with ExitStack() as stack:
        workers = {root: stack.enter_context(worker(root, options.requests)) for root in checkouts}
        for number in range(options.rounds):
            # Alternating, because the load of the machine changes from minute to minute.
            for root in checkouts if number % 2 else reversed(checkouts):
                for case in CASES:
                    rounds[root, case].append(workers[root](case))
    sys.stdout.write(report(rounds))


@contextmanager
def worker(root: Path, requests: int) -> Iterator[Callable[[str], Cost]]:
    """Start a process in the checkout, with a PostgreSQL of its own; yield what measures one round of a case."""
    own = root / ".venv/bin/python"
    command = [own if own.exists() else sys.executable, "-m", "products.tests.postgres"]
    # -P keeps this folder, whose statistics.py would hide Python's, off the path.
    command += [command[0], "-P", Path(__file__).resolve(), "--work", f"--requests={requests}"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            list(map(str, command)), cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def measure(case: str) -> Cost:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(f"{case}\n")
                stdin.flush()
            answer = stdout.readline()
            if not answer:
                log.seek(0)
                sys.exit(f"{root} has not measured '{case}':\n{log.read()[-2000:]}")
            return Cost(*json.loads(answer))

        try:
            yield measure
        finally:
            with contextlib.suppress(BrokenPipeError):
                stdin.close()  # which ends the process
            process.wait()
            stdout.close()


def work(requests: int) -> None:
    """Measure one round of each case that a line of the input names, with the checkout in the working directory."""
    sys.path.insert(0, os.getcwd())
    output, sys.stdout = sys.stdout, io.StringIO()
    os.environ |= SETTINGS
    backend, cases = prepare()
    for send in cases.values():
        for _ in range(requests):  # a round that fills the caches
            send()
    for line in sys.stdin:
        send = cases[line.strip()]
        before, started = cpu_of(backend), time.process_time()
        for _ in range(requests):
            send()
        server, database = time.process_time() - started, cpu_of(backend) - before
        cost = Cost(1_000 * server / requests, 1_000 * database / requests, count_calls(send))
        output.write(f"{json.dumps(cost)}\n")
        output.flush()


def prepare() -> tuple[int, dict[str, Callable[[], None]]]:
    """Fill the database, and return the process id of its backend and {case: a function that sends its request}."""
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - all of this needs path and environment

    application = get_wsgi_application()
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from products.models import ApiToken, Order, Product  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    customer = User.objects.create_user(f"cost-{uuid4()}")
    products = [Product.objects.create(sku=f"{uuid4()}", name=f"Thing {n}", price="4.50") for n in range(60)]
    for product in products:
        product.receive(1_000_000)
    for _ in range(40):
        Order.objects.place_once(customer=customer, items=[(products[0], 1)])
    token, secret = ApiToken.objects.issue(customer)
    token.touch()  # so that no request is the first of the day
    ids = [product.pk for product in products]

    def send(method: str, path: str, body: Any = None) -> None:
        environ = environ_of(method, path, secret, body)
        statuses: list[str] = []

        def start_response(status: str, headers: Any, error: Any = None, /) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda content: None

        response = application(environ, start_response)
        content = b"".join(response)
        if hasattr(response, "close"):
            response.close()
        if not statuses[0].startswith("2"):
            sys.exit(f"{method} {path} was answered with {statuses[0]}: {content[:500]!r}")

    def order(number: int) -> Callable[[], None]:
        lines = [{"product": pk, "quantity": 1} for pk in ids[:number]]
        body = lines[0] if number == 1 else {"lines": lines}
        return lambda: send("POST", "/api/orders", body)

    cases = [order(1), order(5), lambda: send("GET", "/api/products"), lambda: send("GET", "/api/orders")]
    return connection.connection.info.backend_pid, dict(zip(CASES, cases, strict=True))


def environ_of(method: str, path: str, secret: str, body: Any) -> dict[str, Any]:
    """Return the WSGI environment of a request as gunicorn passes it on from a proxy, with an idempotency key."""
    content = b"" if body is None else json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_FOR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if content:
        environ |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content))}
        environ["HTTP_IDEMPOTENCY_KEY"] = str(uuid4())
    return environ


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has used; /proc/PID/stat counts in hundredths, which is too coarse."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def count_calls(send: Callable[[], None]) -> int:
    """Return how many functions a request calls, those in C included; the median of several requests."""
    numbers = []
    for _ in range(COUNTED):
        number = 0

        def count(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal number
            number += event in ("call", "c_call")

        sys.setprofile(count)
        send()
        sys.setprofile(None)
        numbers.append(number)
    return int(median(numbers))


def report(rounds: dict[tuple[Path, str], list[Cost]]) -> str:
    """Return a table with a row for each case and checkout, and each figure's ratio to that of the other checkout."""
    lines = [
        "| CPU of one request, ms | server, least | median | PostgreSQL, least | median | calls |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    roots = list(dict.fromkeys(root for root, _ in rounds))
    for case in CASES:
        figures = [figures_of(rounds[root, case]) for root in roots]
        for root, each in zip(roots, figures, strict=True):
            name = case if root == roots[0] else f"{case}, {root.name}"
            lines.append(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in each[:-1])} | {each[-1]:,.0f} |")
        if len(figures) == 2:
            ratios = [own / other for own, other in zip(*figures, strict=True)]
            lines.append(f"| ratio | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return "\n".join([*lines, ""])


def figures_of(costs: Sequence[Cost]) -> list[float]:
    """Return the least and the median of the rounds, for server and database, and the number of calls."""
    columns = list(zip(*costs, strict=True))
    return [figure for column in columns[:2] for figure in (min(column), median(column))] + [median(columns[2])]


if __name__ == "__main__":
    main()
