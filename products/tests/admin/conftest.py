"""Fixtures for the admin: logged-in clients, staff with chosen permissions, orders, and the messages shown."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from products.models import Order, Product


@pytest.fixture(autouse=True)
def _static_files_without_a_manifest(settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """Return a test client in which `user` is logged in."""

    def of(user: User, *, enforce_csrf_checks: bool = False) -> Client:
        client = Client(enforce_csrf_checks=enforce_csrf_checks)
        client.force_login(user)
        return client

    return of


@pytest.fixture
def staff_with(db) -> Callable[..., User]:
    """Create a staff user with exactly these permissions."""

    def make(*permissions: str) -> User:
        clerk = User.objects.create_user("clerk", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return clerk

    return make


@pytest.fixture
def an_order(alice, a_product) -> Callable[..., Order]:
    """Place an order by alice, by default for one piece of a new product."""

    def make(product: Product | None = None, quantity: int = 1) -> Order:
        return Order.objects.place_once(customer=alice, items=[(product or a_product(stock=10), quantity)])[0]

    return make


@pytest.fixture
def messages_of() -> Callable[[Any], list[str]]:
    """Return the messages that the admin showed with this response."""
    return lambda response: [str(message) for message in get_messages(response.wsgi_request)]
