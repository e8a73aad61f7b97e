"""The fixtures of the app's tests, and one that reads the log."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from products.testing import allows_flush
from products.tests.conftest import _as_many_requests_as_they_like, a_product, alice, api, bob, staff
from shop.observability.logging import JsonLines, RequestIdFilter

__all__ = ["_as_many_requests_as_they_like", "a_product", "alice", "allows_flush", "api", "bob", "staff"]


@pytest.fixture
def logged() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Return the parsed lines of the log in production's format, optionally those of one logger."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonLines())
    handler.addFilter(RequestIdFilter())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def lines(name: str | None = None) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]
        return [line for line in parsed if name is None or line["logger"] == name]

    yield lines
    root.removeHandler(handler)
    root.setLevel(level)
