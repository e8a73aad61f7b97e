"""The admin as staff sees it, in a real browser."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from products.tests.browser.conftest import A_NAME
from products.tests.over_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "staff-runs-the-shop"


def test_staff_log_in_and_find_the_products(browser, staff, a_product, settings, tmp_path):
    # The server that is asked to check the password knows nothing of the quick hasher.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    staff.set_password(PASSWORD)
    staff.save()
    a_product(sku="MUG", name="Mug", stock=3)

    with Gunicorn(workers=1, ALLOWED_HOSTS=f"{A_NAME},127.0.0.1") as server:
        browser.get(f"http://{A_NAME}:{server.address[1]}/admin/products/product/")
        browser.find_element(By.NAME, "username").send_keys(staff.username)
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.NAME, "password").submit()
        row = WebDriverWait(browser, 15).until(presence_of_element_located((By.CSS_SELECTOR, "#result_list tbody tr")))
        shown = row.text
        browser.save_screenshot(tmp_path / "admin.png")

    assert "MUG" in shown
    assert "Mug" in shown
    # Django's admin names no icon, and browsers then ask for one by themselves.
    assert [error for error in browser.errors() if "favicon.ico" not in error] == []
    assert browser.hosts() == {A_NAME}
