"""Permissions: the status of every route × every method × every kind of user."""

import itertools
import json
import re
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import URLResolver, get_resolver, resolve
from rest_framework.permissions import BasePermission
from rest_framework.test import APIClient

from products.models import Address, ApiToken, Cart, Order
from products.webhooks.endpoints import make_endpoint

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
WHO = ("nobody", "customer", "another", "trainee", "staff", "superuser", "revoked", "expired")
"""`another` is a customer as well; a `trainee` is staff without a permission; the last two show a dead token."""

# Orders, tokens and what the addresses name are the `customer`'s; a cart everybody has. A line without a route goes on
# with the one above it, and `others` are the methods that no line of the route names.
MATRIX = """
route                            methods           nobody customer another trainee staff superuser revoked expired

api-token-auth                   POST                 200      200     200     200   200       200     200     200
                                 DELETE               401      204     204     204   204       204     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/schema                       GET,HEAD,OPTIONS     200      200     200     200   200       200     200     200
                                 others               405      405     405     405   405       405     405     405
api/docs                         GET,HEAD             200      200     200     200   200       200     200     200
                                 others               405      405     405     405   405       405     405     405

api/tokens                       GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 DELETE               401      204     204     204   204       204     401     401
                                 others               401      405     405     405   405       405     401     401
api/tokens/<int:pk>              DELETE               401      204     404     404   404       404     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401

api/addresses                    GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 POST                 401      201     201     201   201       201     401     401
                                 others               401      405     405     405   405       405     401     401
api/addresses/<int:pk>           GET,HEAD             401      200     404     404   404       404     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 PATCH                401      200     404     404   404       404     401     401
                                 DELETE               401      204     404     404   404       404     401     401
                                 others               401      405     405     405   405       405     401     401

api/customers                    GET,HEAD,OPTIONS     401      403     403     403   403       200     401     401
                                 POST                 401      403     403     403   403       201     401     401
                                 others               401      403     403     403   403       405     401     401
api/customers/<int:pk>           GET,HEAD,OPTIONS     401      403     403     403   403       200     401     401
                                 PATCH                401      403     403     403   403       200     401     401
                                 others               401      403     403     403   403       405     401     401

api/categories                   GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 POST                 401      403     403     403   201       201     401     401
                                 others               401      405     405     405   405       405     401     401
api/categories/<int:pk>          GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 PATCH                401      403     403     403   200       200     401     401
                                 DELETE               401      403     403     403   204       204     401     401
                                 others               401      405     405     405   405       405     401     401

api/products                     GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 POST                 401      403     403     403   201       201     401     401
                                 others               401      405     405     405   405       405     401     401
api/products/<int:pk>            GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 PATCH                401      403     403     403   200       200     401     401
                                 DELETE               401      403     403     403   204       204     401     401
                                 others               401      405     405     405   405       405     401     401
api/products/<int:pk>/prices     GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/products/<int:pk>/stock      GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 POST                 401      403     403     403   201       201     401     401
                                 others               401      403     403     403   405       405     401     401
api/stock                        POST,OPTIONS         401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401

api/events                       GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401
api/events/types                 GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401

api/orders                       GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 POST                 401      201     201     201   201       201     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/quote                 POST,OPTIONS         401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>             GET,HEAD             401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/events      GET,HEAD             401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/cancel      POST                 401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/pay         POST                 401      403     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/ship        POST                 401      403     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/deliver     POST                 401      403     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/return      POST                 401      403     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401

api/orders/<uuid:pk>/shipments   GET,HEAD             401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/shipments/<int:number>  PATCH    401      403     403     403   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/cancellations  GET,HEAD          401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/returns     GET,HEAD             401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401
api/orders/<uuid:pk>/refunds     GET,HEAD             401      200     404     404   200       200     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 POST                 401      403     403     403   201       201     401     401
                                 others               401      405     405     405   405       405     401     401

api/cart                         GET,HEAD,OPTIONS     401      200     200     200   200       200     401     401
                                 PATCH                401      200     200     200   200       200     401     401
                                 DELETE               401      204     204     204   204       204     401     401
                                 others               401      405     405     405   405       405     401     401
api/cart/lines/<int:product>     PUT,OPTIONS          401      200     200     200   200       200     401     401
                                 DELETE               401      204     204     204   204       204     401     401
                                 others               401      405     405     405   405       405     401     401
api/cart/checkout                POST                 401      201     201     201   201       201     401     401
                                 OPTIONS              401      200     200     200   200       200     401     401
                                 others               401      405     405     405   405       405     401     401

api/webhooks                     GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 POST                 401      403     403     403   201       201     401     401
                                 others               401      403     403     403   405       405     401     401
api/webhooks/<int:pk>            GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 PATCH                401      403     403     403   200       200     401     401
                                 DELETE               401      403     403     403   204       204     401     401
                                 others               401      403     403     403   405       405     401     401
api/webhooks/<int:pk>/rotate     POST,OPTIONS         401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401
api/webhooks/<int:pk>/test       POST,OPTIONS         401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401
api/webhooks/<int:pk>/redeliver  POST,OPTIONS         401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401
api/webhooks/<int:pk>/deliveries  GET,HEAD,OPTIONS     401      403     403     403   200       200     401     401
                                 others               401      403     403     403   405       405     401     401
"""

AT_HOME = {"name": "Customer", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
BODIES = {
    "POST api-token-auth": {"username": "customer", "password": "correct horse"},
    "POST api/categories": {"slug": "new", "name": "New"},
    "PATCH api/categories/<int:pk>": {"name": "Another name"},
    "POST api/products": {"sku": "NEW", "name": "New", "price": "4.50"},
    "PATCH api/products/<int:pk>": {"name": "Another name"},
    "POST api/products/<int:pk>/stock": {"delta": 1},
    "POST api/stock": {"rows": [{"sku": "MUG", "delta": 1}]},
    "POST api/addresses": AT_HOME,
    "PATCH api/addresses/<int:pk>": {"city": "Hamburg"},
    "PATCH api/cart": {"note": "Ring twice."},
    "POST api/customers": {"username": "new"},
    "PATCH api/customers/<int:pk>": {"first_name": "Carol"},
    "POST api/orders": {"sku": "MUG", "quantity": 1},
    "PATCH api/orders/<uuid:pk>/shipments/<int:number>": {"tracking_number": "00340"},
    "POST api/orders/<uuid:pk>/refunds": {"amount": "0.50"},
    "POST api/orders/quote": {"sku": "MUG", "quantity": 1},
    "POST api/webhooks": {"address": "https://erp.shop.example/hooks"},
    "PATCH api/webhooks/<int:pk>": {"is_active": False},
    "POST api/webhooks/<int:pk>/redeliver": {"after": 0},
    "PUT api/cart/lines/<int:product>": {"quantity": 2},
}
MOVES_BEFORE = {
    "ship": [Order.pay],
    "deliver": [Order.pay, Order.ship],
    "return": [Order.pay, Order.ship],
    "refunds": [Order.pay],
    "<int:number>": [Order.pay, Order.ship],
}


def table():
    """Return the matrix as {route: {method: {who: status}}}."""
    rows, route = {}, ""
    for line in MATRIX.strip().splitlines()[1:]:
        if not line:
            continue
        *new_route, methods, statuses = re.split(r" {2,}", line.strip(), maxsplit=1 if line[0] == " " else 2)
        route = new_route[0] if new_route else route
        row = dict(zip(WHO, map(int, statuses.split()), strict=True))
        for method in set(METHODS) - set(rows[route]) if methods == "others" else methods.split(","):
            rows.setdefault(route, {})[method] = row
    return rows


TABLE = table()


def routes(resolver=None, before=""):
    """Yield every API route in the URLconf, as it is written there."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif route.startswith("api"):
            yield route


def test_the_matrix_has_every_route_and_nothing_else(capsys):
    assert sorted(TABLE) == sorted(routes())
    assert [route for route, methods in TABLE.items() if set(methods) != set(METHODS)] == []
    assert MATRIX.split()[2 : 2 + len(WHO)] == list(WHO)
    size = [len(TABLE), len(METHODS), len(WHO)]
    with capsys.disabled():
        sys.stdout.write("\n{} routes × {} methods × {} people = {} cells\n".format(*size, size[0] * size[1] * size[2]))


@pytest.fixture
def shop(db, staff, a_product, a_category, settings):
    """People with their tokens and carts, and goods; a placed order and a spare token are the customer's."""
    settings.LOGINS_PER_NAME = settings.LOGINS_PER_ADDRESS = 0
    mug = a_product(sku="MUG", stock=100)
    customer = User.objects.create_user("customer", password="correct horse")
    people = {
        "customer": customer,
        "another": User.objects.create_user("another"),
        "trainee": User.objects.create_user("trainee", is_staff=True),
        "staff": staff,
        "superuser": User.objects.create_superuser("superuser"),
    }
    tokens = {name: ApiToken.objects.issue(person)[1] for name, person in people.items()}
    revoked, tokens["revoked"] = ApiToken.objects.issue(customer)
    revoked.revoke()
    _, tokens["expired"] = ApiToken.objects.issue(customer, lifetime=timedelta(seconds=-1))
    for person in people.values():
        Cart(person).put(mug, 1)
    order, _ = Order.objects.place_once(customer=customer, items=[(mug, 1)])
    address = Address.objects.create(customer=customer, **AT_HOME)
    spare, _ = ApiToken.objects.issue(customer)
    webhook, _ = make_endpoint(address="https://erp.shop.example/hooks", by=staff)
    return SimpleNamespace(
        mug=mug, category=a_category, order=order, address=address, spare=spare, webhook=webhook, tokens=tokens
    )


def address(route, shop):
    """`route` with the customer's order, their spare token and the mug in the places that it leaves open."""
    named = {
        "shipments/<int:number>": "shipments/1",
        "api/orders/<uuid:pk>": f"api/orders/{shop.order.pk}",
        "api/tokens/<int:pk>": f"api/tokens/{shop.spare.pk}",
        "api/customers/<int:pk>": f"api/customers/{shop.order.customer_id}",
        "api/addresses/<int:pk>": f"api/addresses/{shop.address.pk}",
        "api/categories/<int:pk>": f"api/categories/{shop.category.pk}",
        "api/products/<int:pk>": f"api/products/{shop.mug.pk}",
        "api/webhooks/<int:pk>": f"api/webhooks/{shop.webhook.pk}",
        "api/cart/lines/<int:product>": f"api/cart/lines/{shop.mug.pk}",
    }
    for template, path in named.items():
        route = route.replace(template, path)
    assert "<" not in route, "nothing to name with this route yet; make it here"
    return f"/{route}"


def ask(route, method, who, shop):
    """Send a request that nothing but its sender can make wrong; what it does is undone."""
    client = APIClient(headers={"If-Match": "*"})
    if who in shop.tokens:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {shop.tokens[who]}")
    body = BODIES.get(f"{method} {route}")
    with transaction.atomic():
        sent = "" if body is None else json.dumps(body)
        answer = client.generic(method, address(route, shop), sent, "application/json")
        transaction.set_rollback(True)
    return answer


@pytest.mark.parametrize("route", TABLE)
def test_everybody_gets_the_status_that_is_theirs(route, shop):
    for move in MOVES_BEFORE.get(route.rpartition("/")[2], []):
        move(shop.order)

    answers = {(method, who): ask(route, method, who, shop) for method, who in itertools.product(METHODS, WHO)}

    statuses = {method: {who: answers[method, who].status_code for who in WHO} for method in METHODS}
    assert statuses == TABLE[route]
    refusals = {key: answer for key, answer in answers.items() if answer.status_code >= 400}
    assert {answer["Content-Type"] for answer in refusals.values()} <= {"application/problem+json"}
    assert {"WWW-Authenticate" in answer for answer in refusals.values() if answer.status_code == 401} <= {True}
    assert {"Allow" in answer for answer in refusals.values() if answer.status_code == 405} <= {True}


class Refused(BasePermission):
    def has_permission(self, request, view):
        return False


@pytest.mark.parametrize("route", sorted(set(TABLE) - {"api/docs"}))  # which is a page
def test_a_permission_that_is_added_to_a_view_is_asked_for_every_method(route, shop, monkeypatch):
    view = resolve(address(route, shop)).func.cls
    monkeypatch.setattr(view, "get_permissions", lambda view: [Refused()])

    statuses = {method: ask(route, method, "superuser", shop).status_code for method in METHODS}
    assert statuses == dict.fromkeys(METHODS, 403)
