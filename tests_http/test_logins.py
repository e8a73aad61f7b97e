"""Sixty tries to log in at the same moment, against three workers: how many passwords are looked at."""

import base64
import http.client
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User

from products.models import LoginCounter
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = 60
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def in_json(name, password):
    return (
        "/api-token-auth/",
        json.dumps({"username": name, "password": password}),
        {"Content-Type": "application/json"},
    )


def in_a_form(name, password):
    return "/api-token-auth/", urlencode({"username": name, "password": password}), FORM


def in_the_header(name, password):
    coded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return "/api-token-auth/", None, {"Authorization": f"Basic {coded}"}


def post(server, path, body, headers):
    """(status, headers, text) of the answer."""
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def all_at_once(server, requests):
    start = Barrier(len(requests))

    def send(request):
        start.wait(30)
        return post(server, *request)

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def statuses(answers):
    return Counter(status for status, _, _ in answers)


@pytest.fixture
def admin_login(settings):
    """What a browser sends from the admin's login page."""

    def fill(server, name, password):
        connection = http.client.HTTPConnection(*server.address, timeout=30)
        connection.request("GET", "/admin/login/")
        answer = connection.getresponse()
        cookie = answer.getheader("Set-Cookie").split(";")[0]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.read().decode())[1]
        connection.close()
        form = {"csrfmiddlewaretoken": token, "username": name, "password": password, "next": "/admin/"}
        return "/admin/login/", urlencode(form), FORM | {"Cookie": cookie}

    return fill


@pytest.fixture
def root(settings):
    settings.PASSWORD_HASHERS = ["shop.password_hashers.Argon2"]  # which the server knows
    return User.objects.create_superuser("root", password="correct horse")


def test_of_sixty_tries_with_one_name_ten_reach_the_password_check(root):
    ways = [in_json, in_a_form, in_the_header]
    requests = [ways[number % 3]("root", f"wrong {number}") for number in range(TRIES)]

    with Gunicorn(workers=3, threads=8) as server:
        answers = all_at_once(server, requests)
        too_late = post(server, *in_json("root", "correct horse"))
        another_name = post(server, *in_json("Root", "correct horse"))

    assert statuses(answers) == {401: 10, 429: TRIES - 10}
    refused = [(headers, json.loads(text)) for status, headers, text in answers if status == 429]
    assert {body["code"] for _, body in refused} == {"too_many_logins"}
    assert {headers["Content-Type"] for headers, _ in refused} == {"application/problem+json"}
    assert all(1 <= int(headers["Retry-After"]) <= 900 for headers, _ in refused)
    assert (too_late[0], another_name[0]) == (429, 401)


def test_of_sixty_tries_with_a_name_that_nobody_has_as_many_do(db):
    with Gunicorn(workers=3, threads=8, LOGINS_PER_NAME="7") as server:
        answers = all_at_once(server, [in_json("nobody", "x")] * TRIES)

    assert statuses(answers) == {401: 7, 429: TRIES - 7}


def test_of_sixty_tries_with_sixty_names_from_one_address_twenty_five_do(db):
    requests = [in_json(f"name-{number}", "x") for number in range(TRIES)]

    with Gunicorn(workers=3, threads=8, LOGINS_PER_ADDRESS="25", TRUSTED_PROXIES="1") as server:
        answers = all_at_once(server, [(*request[:2], request[2] | via("192.0.2.1")) for request in requests])
        elsewhere = post(server, *in_json("elsewhere", "x")[:2], in_json("", "")[2] | via("192.0.2.2"))

    assert statuses(answers) == {401: 25, 429: TRIES - 25}
    assert elsewhere[0] == 401
    # Each of them also counted its name, and only those: a refused address uses up nobody's name.
    assert LoginCounter.objects.count() == 2 + 25 + 1


def via(address):
    return {"X-Forwarded-For": f"203.0.113.7, {address}"}


def test_the_admins_login_counts_with_the_apis(root, admin_login):
    with Gunicorn(workers=3, threads=8) as server:
        requests = [
            (in_json if number % 2 else lambda *it: admin_login(server, *it))("root", "wrong")
            for number in range(TRIES)
        ]
        answers = all_at_once(server, requests)
        too_late = post(server, *admin_login(server, "root", "correct horse"))

    looked_at = [status for status, _, text in answers if status == 401 or "Please enter the correct username" in text]
    refused = [status for status, _, text in answers if "Too many tries to log in" in text]
    assert (len(looked_at), len(refused)) == (10, TRIES - 10)
    assert "Too many tries to log in" in too_late[2]


def test_right_passwords_among_the_wrong_ones_open_no_further_tries(root):
    requests = [in_json("root", "correct horse" if number % 2 else "wrong") for number in range(TRIES)]

    with Gunicorn(workers=3, threads=8) as server:
        answers = all_at_once(server, requests)
        rest = [post(server, *in_json("root", "wrong"))[0] for _ in range(12)]

    wrong = statuses(answers)[401] + rest.count(401)
    assert wrong == 10
    assert set(statuses(answers)) <= {200, 401, 429}
