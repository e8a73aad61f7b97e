"""The admin in a real browser."""

import pytest
from django.contrib.auth.models import User
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from products.models import ApiToken, Order
from products.tests.browser.conftest import HOST_NAME, SERVERS_HASHERS, log_in
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "staff-runs-the-shop"


def test_staff_log_in_and_find_the_products(browser, staff, a_product, settings, tmp_path):
    # The server process does not use the fast hasher of the tests.
    settings.PASSWORD_HASHERS = SERVERS_HASHERS
    staff.set_password(PASSWORD)
    staff.save()
    a_product(sku="MUG", name="Mug", stock=3)

    with Gunicorn(workers=1, ALLOWED_HOSTS=f"{HOST_NAME},127.0.0.1") as server:
        browser.get(f"http://{HOST_NAME}:{server.address[1]}/admin/products/product/")
        browser.find_element(By.NAME, "username").send_keys(staff.username)
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.NAME, "password").submit()
        row = WebDriverWait(browser, 15).until(presence_of_element_located((By.CSS_SELECTOR, "#result_list tbody tr")))
        shown = row.text
        browser.save_screenshot(tmp_path / "admin.png")

    assert "MUG" in shown
    assert "Mug" in shown
    assert browser.errors() == []
    assert browser.hosts() == {HOST_NAME}


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


def test_orders_are_paid_in_bulk_and_one_is_shipped_with_its_slip(admin_page, alice, a_product):
    mug = a_product(sku="MUG", name="<img src=x onerror=alert(1)>", stock=40)
    orders = [Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(5)]
    wait, the = WebDriverWait(admin_page, 15), admin_page.find_element

    admin_page.get(f"{admin_page.address}/products/order/?todo=to_be_paid")
    the(By.ID, "action-toggle").click()
    the(By.CSS_SELECTOR, "select[name=action] option[value=pay_selected]").click()
    the(By.CSS_SELECTOR, "button[name=index]").click()
    wait.until(presence_of_element_located((By.NAME, "reference"))).send_keys("STATEMENT-9")
    the(By.CSS_SELECTOR, ".submit-row .default").click()
    wait.until(lambda page: page.find_element(By.ID, "bulk-counts").text == "5 done, 0 refused, 0 waiting.")
    admin_page.get(f"{admin_page.address}/products/order/{orders[0].pk}/ship/")
    the(By.NAME, "carrier").send_keys("DHL")
    the(By.NAME, "_print").click()
    slip = wait.until(presence_of_element_located((By.CSS_SELECTOR, ".sheet"))).text

    assert {order.status for order in Order.objects.all()} == {"PAID", "SHIPPED"}
    assert all(text in slip for text in ("MUG", "<img src=x onerror=alert(1)>", "DHL"))
    assert admin_page.errors() == []


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


def test_a_delivery_is_scanned_into_the_stock_sheet(admin_page, a_product):
    mug, lamp = a_product(sku="MUG", name="Mug", stock=3), a_product(sku="LAMP", barcode="96385074")
    admin_page.get(f"{admin_page.address}/products/product/sheet/?mode=receive")

    for text in ["mug", Keys.ENTER, "20", Keys.ENTER, "96385074", Keys.ENTER, "5", Keys.ENTER]:
        type_into_page(admin_page, text)
    about = admin_page.find_element(By.CSS_SELECTOR, ".stock-sheet-about")
    WebDriverWait(admin_page, 15).until(lambda page: about.text)
    said, focused = about.text, admin_page.switch_to.active_element.get_attribute("name")
    admin_page.find_element(By.CSS_SELECTOR, "input.default").click()
    done = WebDriverWait(admin_page, 15).until(presence_of_element_located((By.CSS_SELECTOR, ".messagelist .success")))

    assert (said, focused) == ("Mug. In stock: 3.", "form-2-code")
    assert done.text == "Received 2 products: MUG +20, LAMP +5."
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (23, 5)
    assert admin_page.errors() == []


def type_into_page(page, text):
    """Type into whatever has the focus."""
    page.switch_to.active_element.send_keys(text)
