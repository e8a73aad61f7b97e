"""The admin in a real browser."""

import pytest
from django.contrib.auth.models import User
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from products.models import ApiToken, Order
from products.tests.browser.conftest import HOST_NAME, SERVERS_HASHERS, log_in
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "staff-runs-the-shop"


@pytest.fixture
def admin_page(browser, settings):
    """A browser logged in as a superuser, on a server of its own."""
    settings.PASSWORD_HASHERS = SERVERS_HASHERS
    root = User.objects.create_superuser("root", password=PASSWORD)
    with Gunicorn(workers=1, ALLOWED_HOSTS=f"{HOST_NAME},127.0.0.1") as server:
        browser.address = f"http://{HOST_NAME}:{server.address[1]}/admin"
        log_in(browser, f"{browser.address}/", root.username, PASSWORD)
        yield browser


def test_no_admin_page_violates_its_content_security_policy(admin_page, alice, a_product):
    mug = a_product(sku="MUG", stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 1)])
    token, _ = ApiToken.objects.issue(alice)
    pages = ["product", "product/add", f"product/{mug.pk}/change", f"product/{mug.pk}/receive", "order"]
    pages += ["product/sheet", f"product/{mug.pk}/ledger"]
    pages += [
        f"order/{order.pk}/change",
        f"order/{order.pk}/cancel",
        f"order/{order.pk}/packing-slip",
        "order/add",
        "bulkjob",
        f"product/{mug.pk}/history",
        "stockmovement",
    ]
    pages += ["event", "apitoken", "apitoken/add", f"apitoken/{token.pk}/change", "category/add"]

    errors = {}
    for page in [*(f"products/{page}" for page in pages), "auth/user/add", f"auth/user/{alice.pk}/change"]:
        admin_page.get(f"{admin_page.address}/{page}/")
        errors[page] = (admin_page.title.startswith(("Page not found", "Server Error")), admin_page.errors())

    assert errors == dict.fromkeys(errors, (False, []))


def test_a_script_injected_into_an_admin_page_does_not_run(admin_page, a_product):
    a_product(sku="MUG", stock=3)
    admin_page.get(f"{admin_page.address}/products/product/")

    # As if a product's name had not been escaped.
    admin_page.execute_script("""
        document.body.insertAdjacentHTML("beforeend", `<img src="x:" onerror="window.owned = 'by an event'">`);
        const script = document.createElement("script");
        script.textContent = "window.owned = 'by a script'";
        document.body.append(script);
        const style = document.createElement("style");
        style.textContent = "#header { display: none }";
        document.head.append(style);
    """)
    WebDriverWait(admin_page, 15).until(lambda page: len(seen := page.errors()) and seen)

    assert admin_page.execute_script("return window.owned") is None
    assert admin_page.find_element(By.ID, "header").is_displayed()
