"""One row of the table, and short ways to write one."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CLOSED = 0
"""In place of a status: the connection is closed without an answer."""

BROKEN = -2
"""In place of a status: gunicorn rejects this itself, with a 4xx, a 501 or by closing the connection."""

UNREAD = -3
"""In place of a status: the application rejects this with 400 and reads no body, which may reset the connection."""

JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Row:
    """A request as it goes over the wire, and its answer: a status, and the code of the problem or of an error in it.

    {customer}, {other}, {staff}, {spare} stand for tokens, {mug}, {retired}, {order} for ids, {host} for host and port,
    {length} for the length of the body, {cursor} for that of a second page of products.
    """

    what: str
    head: bytes
    status: int
    code: str | None = None
    body: bytes = b""
    stops: bool = False
    """The client sends no more after this, where more was promised."""
    stalls: bool = False
    """The client sends no more after this, and does not say so."""


def ask(
    what: str,
    to: str | bytes,
    status: int,
    code: str | None = None,
    *,
    body: Any = None,
    who: str | None = "customer",
    drop: Iterable[str] = (),
    add: Iterable[str | bytes] = (),
    **more: Any,
) -> Row:
    """A whole request `to` ("GET /api/products"), with the usual headers but for those in `drop`, and those in `add`.

    `body` is bytes, or text, or a value to be written as JSON.
    """
    body = as_bytes(body)
    usual = {"Host": "{host}", "Connection": "close"}
    if who:
        usual["Authorization"] = f"Bearer {{{who}}}"
    if body is not None:
        usual |= {"Content-Type": "application/json", "Content-Length": "{length}"}
    lines = [f"{name}: {value}" for name, value in usual.items() if name not in drop]
    first, *others = [line.encode("latin-1") if isinstance(line, str) else line for line in (to, *lines, *add)]
    first = first if b" HTTP/" in first else first + b" HTTP/1.1"
    return Row(what, b"\r\n".join([first, *others, b"", b""]), status, code, body or b"", **more)


def raw(what: str, message: bytes, status: int, code: str | None = None, **more: Any) -> Row:
    """A message as it stands, from its first byte to its last."""
    return Row(what, message, status, code, **more)


def as_bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
