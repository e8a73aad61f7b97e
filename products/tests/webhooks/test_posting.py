"""One post: limited in time and size, and what is known of its answer."""

import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from products.webhooks.posting import MAX_READ, post


def drip(handler):
    """Answer byte by byte, each in good time."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)


def hang_up(handler):
    handler.close_connection = True


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())  # before the server says goodbye


def cut_off(handler):
    handler.wfile.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nHalf of")
    hang_up(handler)


def speak_ssh(handler):
    handler.wfile.write(b"SSH-2.0\r\n")


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 1_000)


def test_an_answer_is_told_with_its_status_and_its_beginning(receiver):
    receiver.answers = [(500, {}, b"Out of\x00 order\n" + b"." * 1_000)]

    answer = post(receiver.address, b"{}", {"X-A": "b"}, timeout=5)

    assert (answer.code, answer.error, answer.is_success) == (500, "", False)
    assert answer.text == "Out of? order\n" + "." * 486
    path, headers, body = receiver.posts[0]
    assert (path, headers["X-A"], body) == ("/hooks", "b", b"{}")
    assert headers["Host"] == f"127.0.0.1:{receiver.server.server_port}"


def test_a_redirect_is_not_followed(receiver, another_receiver):
    receiver.answers = [(307, {"Location": another_receiver.address}, b"")]

    answer = post(receiver.address, b"{}", {}, timeout=5)

    assert (answer.code, answer.is_success) == (307, False)
    assert (len(receiver.posts), another_receiver.posts) == (1, [])


@pytest.mark.parametrize("slow", [drip, lambda handler: time.sleep(2)])
def test_an_answer_that_does_not_come_in_time_is_none(receiver, slow):
    receiver.answers = [slow]
    start = time.monotonic()

    answer = post(receiver.address, b"{}", {}, timeout=0.5)

    assert (answer.code, answer.error) == (None, "No answer within 0.5 s.")
    assert time.monotonic() - start < 1.5


def test_an_endless_answer_counts_by_its_status_and_is_read_no_further_than_the_limit(receiver):
    receiver.answers = [endless]

    answer = post(receiver.address, b"{}", {}, timeout=5)

    assert (answer.code, answer.text) == (200, "x" * 500)
    assert answer.seconds < 4
    assert MAX_READ == 65_536


@pytest.mark.parametrize(
    ("misbehaved", "sentence"),
    [
        (hang_up, "The answer is not HTTP, or was cut off (RemoteDisconnected)."),
        (reset, "The connection failed: Connection reset by peer."),
        (speak_ssh, "The answer is not HTTP, or was cut off (BadStatusLine)."),
    ],
)
def test_a_receiver_that_does_not_speak_http_gives_no_answer(receiver, misbehaved, sentence):
    receiver.answers = [misbehaved]

    answer = post(receiver.address, b"{}", {}, timeout=5)

    assert (answer.code, answer.error) == (None, sentence)


def test_an_answer_that_is_cut_off_counts_by_its_status(receiver):
    receiver.answers = [cut_off]

    answer = post(receiver.address, b"{}", {}, timeout=5)

    assert (answer.code, answer.text, answer.error) == (500, "Half of", "")


def test_without_any_time_nothing_is_posted(receiver):
    answer = post(receiver.address, b"{}", {}, timeout=0)

    assert (answer.code, answer.error, receiver.posts) == (None, "No answer within 0 s.", [])


def test_nobody_there_is_said(receiver):
    receiver.close()

    answer = post(receiver.address, b"{}", {}, timeout=5)

    assert (answer.code, answer.error) == (None, "The connection was refused.")


def test_a_receiver_without_tls_at_an_https_address_gives_no_answer(receiver):
    answer = post(receiver.address.replace("http", "https"), b"{}", {}, timeout=5)

    assert (answer.code, answer.error) == (None, "TLS failed.")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_said(receiver, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=127.0.0.1"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    receiver.server.socket = tls.wrap_socket(receiver.server.socket, server_side=True)

    answer = post(receiver.address.replace("http", "https"), b"{}", {}, timeout=5)

    assert (answer.code, answer.error) == (None, "The certificate is not valid: self-signed certificate.")
    assert receiver.posts == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("soon", 0),
        ("-7", 0),
        ("9" * 30, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_a_receiver_may_ask_to_wait(receiver, value, seconds):
    receiver.answers = [(429, {"Retry-After": value}, b"")]

    assert post(receiver.address, b"{}", {}, timeout=5).retry_after == seconds


def test_a_receiver_may_ask_to_wait_until_a_moment(receiver):
    moment = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    receiver.answers = [(503, {"Retry-After": moment}, b"")]

    assert 55 < post(receiver.address, b"{}", {}, timeout=5).retry_after <= 60
