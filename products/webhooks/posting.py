"""Post one body to one address, with limits on time and size. This module does not use the database."""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from products.models.webhooks import MAX_ANSWER
from products.validators import CONTROL_CHARACTERS
from products.webhooks import addresses

MAX_READ = 65_536
"""How many bytes of an answer are read."""

CHUNK = 16_384

MAX_TRIED = 3
"""How many of a host's IP addresses are tried."""

GONE = 410

FAILURES = (OSError, ValueError, HTTPError, http.client.HTTPException)


@dataclass(frozen=True)
class Answer:
    """The result of a post: the status of the answer, or the reason why there is no answer."""

    seconds: float
    code: int | None = None
    text: str = ""
    error: str = ""
    retry_after: float = 0

    @property
    def is_success(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def is_gone(self) -> bool:
        return self.code == GONE


def post(address: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> Answer:
    """Post the body to the address and return the answer within `timeout` seconds. Redirects are not followed."""
    start = time.monotonic()

    def spent() -> float:
        return max(0.0, time.monotonic() - start)

    try:
        target = addresses.parse(address)
        connection = CheckedConnection(target, target.resolve()[:MAX_TRIED], deadline=start + timeout)
    except (addresses.RefusedAddress, addresses.UnknownHost) as error:
        return Answer(spent(), error=str(error))
    code, content, retry_after = None, b"", 0.0
    # The socket timeout limits each wait, but an answer that arrives byte by byte causes many waits.
    alarm = threading.Timer(max(0.0, timeout - spent()), connection.abort)
    alarm.start()
    try:
        # The Host header has the host name from the address, not the IP address of the connection.
        all_headers = {"Host": target.netloc, **headers}
        connection.request("POST", target.path, body=body, headers=all_headers, preload_content=False)
        response = connection.getresponse()
        retry_after = _retry_after(response.headers.get("Retry-After", ""))
        code = response.status
        while len(content) < MAX_READ and (chunk := response.read1(CHUNK, decode_content=False)):
            content += chunk
    except FAILURES as error:
        # The status counts even if the rest of the answer did not arrive.
        if code is None:
            too_late = connection.is_aborted or spent() >= timeout
            return Answer(spent(), error=f"No answer within {timeout:g} s." if too_late else _sentence(error))
    finally:
        alarm.cancel()
        connection.close()
    return Answer(spent(), code=code, text=_beginning(content), retry_after=retry_after)


class CheckedConnection(HTTPConnection):
    """A connection to one of the IP addresses that were checked; it does not resolve the host name again."""

    def __init__(self, target: addresses.Target, checked: Sequence[str], *, deadline: float) -> None:
        super().__init__(target.host, target.port)
        self.target, self.checked, self.deadline = target, checked, deadline
        self.is_aborted = False

    def connect(self) -> None:
        self.sock = self._dial()
        if self.target.is_https:
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self.target.host, do_handshake_on_connect=False)
            # Set before the handshake, so that abort() limits the handshake too.
            self.sock.do_handshake()

    def abort(self) -> None:
        """End any wait for the network; called from another thread."""
        self.is_aborted = True
        if (sock := self.sock) is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown(), after which the other thread would read unencrypted data.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _dial(self) -> socket.socket:
        errors: list[OSError] = []
        for address in self.checked:
            remaining = self.deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            try:
                return socket.create_connection((address, self.target.port), timeout=remaining)
            except OSError as error:
                errors.append(error)
        raise errors[0]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _retry_after(value: str) -> float:
    """Return the seconds given by a Retry-After header, as a number or a date; 0 if it gives none."""
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _beginning(content: bytes) -> str:
    """Return the first characters of an answer, with unprintable ones replaced by question marks."""
    return CONTROL_CHARACTERS.sub("?", content[: 4 * MAX_ANSWER].decode("utf-8", "replace"))[:MAX_ANSWER]


def _sentence(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"The certificate is not valid: {error.verify_message}."[:200]
        case ssl.SSLError():
            return "TLS failed."
        case ConnectionRefusedError():
            return "The connection was refused."
        case OSError() if error.strerror:
            return f"The connection failed: {error.strerror}."[:200]
        case _:
            return f"The answer is not HTTP, or was cut off ({type(error).__name__})."[:200]
