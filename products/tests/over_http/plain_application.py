"""An application that does what it is asked to by the path, for tests of how gunicorn serves any."""

import io
import json
import os
import time

from shop import shares

LARGE = bytes(range(256)) * 4_000  # about a MB, more than a socket takes at once


def application(environ, start_response):
    act = ACTS.get(environ["PATH_INFO"])
    if act is None:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    return act(environ, start_response)


def echo(environ, start_response):
    """The query, and nothing of the body is read."""
    answer = environ["QUERY_STRING"].encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def process(environ, start_response):
    """The worker's process id, and how many connections the workers say they have."""
    said = [count for count in shares.counts if count != shares.FREE]
    answer = json.dumps([os.getpid(), said]).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def sleep(environ, start_response):
    time.sleep(1)
    return echo(environ, start_response)


def pieces(environ, start_response):
    start_response("200 OK", [])
    return iter([b"", b"one ", b"two ", LARGE])


def large(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(LARGE)))])
    return [LARGE]


def file(environ, start_response):
    with open(__file__, "rb") as source:
        size = len(source.read())
    start_response("200 OK", [("Content-Length", str(size))])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def no_file(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"))


def broken(environ, start_response):
    start_response("200 OK", [])
    yield b"the beginning of"
    raise RuntimeError("The end is missing.")


ACTS = {
    "/echo": echo,
    "/process": process,
    "/sleep": sleep,
    "/health/live": echo,
    "/pieces": pieces,
    "/large": large,
    "/file": file,
    "/no_file": no_file,
    "/broken": broken,
}
