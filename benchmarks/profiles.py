"""Stacks that py-spy has seen, dealt out to the steps of a request."""

import re
from collections import Counter

# (step, what the file's path and the function's name match), the first that fits. The path is a whole one.
STEPS = [
    (
        "psycopg2 and the wire",
        r"/psycopg2/|_execute\w* .*/db/backends/utils|(_commit|_rollback|is_usable) .*/db/backends/",
    ),
    ("psycopg2 and the wire", r"(fetch\w+|cursor_iter|create_cursor) .*/django/db/"),
    ("psycopg2 and the wire", r"^ask\b.* .*/products/models/kept_queries"),
    ("ORM: building SQL and models", r"/django/db/"),
    ("JSON: reading and writing", r"/json/|/rest_framework/(renderers|parsers|utils/encoders|utils/json)"),
    ("log and metrics", r"/logging/|/pythonjsonlogger/|/prometheus_client/|/shop/(logs|metrics)"),
    ("DRF: the rest", r"/rest_framework/|/drf_spectacular/"),
    ("Django: middleware, URLs, requests", r"/django/|/whitenoise/"),
    ("gunicorn and its worker", r"/gunicorn/|/shop/(worker|loop|polling|threads|answers|connections|waiting|refusing)"),
    ("ours: models", r"/products/models/"),
    ("ours: API", r"/products/api/"),
    ("ours: middleware and the rest", r"/products/|/shop/"),
]
OTHER = "Python itself"
FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(:\d+)?\)$")
IDLE = re.compile(
    r"(^|\.)(wait|select|poll|accept|_worker|_work|get) \(.*/(threading|selectors|queue|threads?|polling)\.py"
)
"""A thread that waits for work, where py-spy has not seen that by itself."""


def shares(raw: str) -> dict[str, float]:
    """{step: its share}, adding up to 1. `raw` has a line for each stack: "frame;frame;frame count"."""
    seen: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if stack and not IDLE.match(frames[-1]):
            seen[step_of(frames)] += int(count)
    total = sum(seen.values())
    return {step: count / total for step, count in seen.items()}


def step_of(frames: list[str]) -> str:
    """The step that the innermost frame belongs to; the standard library works for whoever has called it."""
    for frame in reversed(frames):
        parts = FRAME.match(frame)
        if parts:
            described = f"{parts['function']} {parts['file']}"
            for step, pattern in STEPS:
                if re.search(pattern, described):
                    return step
    return OTHER
