"""The API documentation page in a real browser."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import element_to_be_clickable, presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from products.models import ApiToken, Order
from products.tests.browser.conftest import HOST_NAME
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PLACE_AN_ORDER = "#operations-orders-orders_create"


class DocsPage:
    """The actions on /api/docs."""

    def __init__(self, browser, address):
        self.browser, self.wait = browser, WebDriverWait(browser, 15)
        browser.get(f"http://{HOST_NAME}:{address[1]}/")
        self.wait.until(presence_of_element_located((By.CSS_SELECTOR, PLACE_AN_ORDER)))

    def click(self, selector):
        element = self.wait.until(element_to_be_clickable((By.CSS_SELECTOR, selector)))
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def authorize(self, token):
        self.click(".btn.authorize")
        self.wait.until(element_to_be_clickable((By.ID, "auth-bearer-value"))).send_keys(token)
        self.click(".auth-container form:has(#auth-bearer-value) .btn.authorize")
        self.click(".btn-done")

    def place_the_order_of_the_example(self):
        """Place the order and return the text of the response, which starts with its status."""
        self.click(f"{PLACE_AN_ORDER} .opblock-summary-control")
        self.click(f"{PLACE_AN_ORDER} .try-out__btn")
        self.click(f"{PLACE_AN_ORDER} .execute")
        answer = (By.CSS_SELECTOR, f"{PLACE_AN_ORDER} .live-responses-table tbody .response")
        return self.wait.until(presence_of_element_located(answer)).text


def test_a_developer_places_an_order_from_the_docs(browser, alice, a_product, tmp_path):
    mug = a_product(pk=1, sku="MUG-STONE", price="12.50", stock=3)  # the product of the example
    _, token = ApiToken.objects.issue(alice)

    with Gunicorn(workers=1, ALLOWED_HOSTS=f"{HOST_NAME},127.0.0.1") as server:
        page = DocsPage(browser, server.address)
        page.authorize(token)
        answer = page.place_the_order_of_the_example()
        browser.save_screenshot(tmp_path / "docs.png")

    order = Order.objects.get()
    assert answer.startswith("201")
    assert str(order.pk) in answer
    assert (order.customer, order.status, str(order.total)) == (alice, "PLACED", "25.00")
    assert mug.refreshed().stock == 1
    assert browser.errors() == []
    assert browser.hosts() == {HOST_NAME}
