import pytest

from benchmarks.requests import Request, RequestMix
from benchmarks.wrk import Load, as_lua, read

OUTPUT = """Running 1s test @ http://127.0.0.1:8000
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    18.90ms   17.30ms 204.18ms   90.31%
    Req/Sec   410.20     42.00   480.00     80.00%
  820 requests in 2.01s, 6.10MB read
  Non-2xx or 3xx responses: 3
Requests/sec:    407.96
Transfer/sec:      3.03MB

{"requests": 820, "microseconds": 2010000, "p50": 18000, "p95": 61500, "p99": 120000, "status": 3, "broken": 1}
"""


def test_what_wrk_prints_is_read_in_our_units():
    seen = read(OUTPUT, cpu=0.25)

    assert seen == Load(requests=820, seconds=2.01, p50=18.0, p95=61.5, p99=120.0, refused=3, broken=1, cpu=0.25)


def test_a_wrk_that_reports_nothing_is_not_taken_for_one_that_saw_nothing():
    with pytest.raises(ValueError, match="did not report"):
        read("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_orders_are_written_down_for_the_generator_with_a_key_and_a_token_each():
    request = Request("/api/orders", "POST", {"lines": [{"product": 7, "quantity": 1}]})

    lua = as_lua(RequestMix([request], ["Bearer abc"], {"X-Forwarded-Proto": "https"}, keyed=True), keys="run-", seed=3)

    assert lua.splitlines() == [
        'method = "POST"',
        'paths = {"/api/orders"}',
        'bodies = {"{\\"lines\\": [{\\"product\\": 7, \\"quantity\\": 1}]}"}',
        'tokens = {"Bearer abc"}',
        'headers = {["X-Forwarded-Proto"] = "https", ["Content-Type"] = "application/json"}',
        'keys = "run-"',
        "seed = 3",
    ]


def test_reading_sends_no_body_and_no_key():
    lua = as_lua(RequestMix([Request("/api/products")], ["Bearer abc"]), keys="run-", seed=1)

    assert {"bodies = {}", "headers = {}", "keys = nil"} <= set(lua.splitlines())
