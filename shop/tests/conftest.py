"""The same characters as in the tests of the app, and somebody who reads the log."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from products.testing import allows_flush
from products.tests.conftest import _as_many_requests_as_they_like, a_product, alice, api, bob, staff
from shop.logs import JsonLines, WithRequestId

__all__ = ["_as_many_requests_as_they_like", "a_product", "alice", "allows_flush", "api", "bob", "staff"]


@pytest.fixture
def logged() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """What was logged, as production writes it: each line parsed, those of one logger if its name is given."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonLines())
    handler.addFilter(WithRequestId())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def lines(name: str | None = None) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]
        return [line for line in parsed if name is None or line["logger"] == name]

    yield lines
    root.removeHandler(handler)
    root.setLevel(level)
