"""Slow clients behind the shipped nginx delay nobody. `python -m tests_http.slow_clients` measures for longer."""

import pytest

from products.models import ApiToken
from tests_http.proxy import Nginx
from tests_http.sample_shop import PRODUCTION
from tests_http.server import Gunicorn
from tests_http.slow_clients import ask_regularly, slow_clients

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 8


def test_half_open_silent_and_slow_clients_delay_nobody_behind_nginx(tmp_path, alice):
    _, token = ApiToken.objects.issue(alice)

    with (
        Gunicorn(workers=2, threads=4, **PRODUCTION) as server,
        Nginx(tmp_path, server.address) as proxy,
        slow_clients(proxy.https, token, proxy.tls()),
    ):
        durations = ask_regularly(proxy.connect, token, SECONDS)

    assert len(durations) == SECONDS
    assert max(durations) < 1
