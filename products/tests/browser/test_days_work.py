"""A day's work of a clerk, a stock keeper and a manager in a real browser, and what they may not do.

Each story brings goods and orders of its own to a shop with demo data. Names of products, customers and files, and
notes, try to run as scripts. docs/backoffice.md has the number of clicks that each task takes.
"""

import re
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from products.models import BulkJob, Order, Product, ProductImport
from products.order_numbers import format_number
from products.tests.browser.conftest import HOST_NAME, SERVERS_HASHERS, enter, log_in

HOSTILE = """<script>window.ran = 1</script><img src=x onerror="window.ran = 1"><i x-init="window.ran = 1">"""
HOSTILE_FILE = "goods <script>window.ran = 1<img src=x onerror='window.ran = 1'><i x-init='window.ran = 1'>.csv"
"""A file's name has no slash."""

CLICKS = re.compile(r"^\| (?P<task>[^|]+?) \| (?P<before>[^|]+?) \| (?P<after>[0-9]+)[^|]* \|$", re.MULTILINE)
PASSWORD = "clerk-logs-in-today"


class Desk:
    """Somebody of the staff at the browser, on the front page at first. Counts the clicks."""

    def __init__(self, browser):
        self.browser, self.wait, self.clicks = browser, WebDriverWait(browser, 15), 0
        self.open("")

    def open(self, path):
        self.browser.get(f"{self.browser.address}/{settings.ADMIN_URL}{path}")

    def the(self, selector) -> WebElement:
        return self.wait.until(presence_of_element_located((By.CSS_SELECTOR, selector)))

    def click(self, selector):
        element = self.the(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()
        self.clicks += 1

    def follow(self, words, within="#container"):
        """Click the link with these words, in whatever case they are shown."""
        script = "return [...document.querySelectorAll(`${arguments[0]} a`)]"
        script += ".find((each) => each.textContent.trim() === arguments[1])"
        link = self.wait.until(lambda page: page.execute_script(script, within, words), f"There is no link {words}")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
        link.click()
        self.clicks += 1

    def type(self, *keys):
        """Type into whatever has the focus."""
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def press_enter(self):
        """Press the button that has the focus, or the one that the Enter key stands for; counted as a click."""
        self.type(Keys.ENTER)
        self.clicks += 1

    @property
    def focus(self):
        return self.browser.switch_to.active_element.get_attribute("name")

    def says(self, sentence):
        """Wait until the page has this text."""

        def body():
            return str(self.browser.execute_script("return document.body.innerText"))

        try:
            self.wait.until(lambda page: sentence in body())
        except TimeoutException:
            raise AssertionError(f"{sentence!r} is not in: {body()}") from None

    def links(self):
        """Return the words of all links, buttons and choices of the page."""
        script = "return [...document.querySelectorAll('a, button, option, input[type=submit]')]"
        return set(
            self.browser.execute_script(f"{script}.map((each) => (each.textContent || each.value || '').trim())")
        )


class Shop:
    """The shop of the story: seats staff at the browser, and has goods and orders."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder

    def desk_of(self, name):
        enter(self.browser, name)
        return Desk(self.browser)

    def goods(self, sku, *, stock=0, **values):
        """Make a product whose name tries to run; its stock arrives through the ledger, as in life."""
        product = Product.objects.create(sku=sku, name=f"{sku} {HOSTILE}", price="4.00", **values)
        if stock:
            product.receive(stock, note=HOSTILE)
        return product

    def order(self, product, quantity=1):
        """Place an order, with a note that tries to run, for a customer whose name does."""
        mallory, _ = User.objects.get_or_create(
            username="mallory", defaults={"email": "mallory@example.net", "last_name": HOSTILE}
        )
        items, to = [(product, quantity)], {"name": HOSTILE, "line1": "1 High St", "city": "York", "country": "GB"}
        return Order.objects.place_once(customer=mallory, items=items, note=HOSTILE, ship_to=to)[0]


def documented(task):
    """Return the number of clicks that the documentation promises for this task."""
    table = Path(settings.BASE_DIR, "docs/backoffice.md").read_text()
    return {each["task"]: int(each["after"]) for each in CLICKS.finditer(table)}[task]


def has_run(desk):
    return desk.browser.execute_script("return window.ran !== undefined")


def a_clerk_logs_in_and_sees_what_is_to_do(shop):
    order = shop.order(shop.goods("TO-DO", stock=3))
    order.pay()
    clerk = User.objects.get(username="clerk")
    with override_settings(PASSWORD_HASHERS=SERVERS_HASHERS):
        clerk.set_password(PASSWORD)
    clerk.save()
    shop.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})

    shop.browser.get(f"{shop.browser.address}/{settings.ADMIN_URL}")
    focus = shop.browser.switch_to.active_element.get_attribute("name")
    log_in(shop.browser, f"{shop.browser.address}/{settings.ADMIN_URL}", "clerk", PASSWORD)
    desk = Desk(shop.browser)
    tiles = [label.text for label in shop.browser.find_elements(By.CSS_SELECTOR, ".tile-label")]
    desk.click(".tile a[href*=PAID]")
    desk.says(format_number(order.number))

    assert focus == "username"
    assert tiles == ["To be paid", "To be shipped", "Sold out", "Running low", "Orders today", "Revenue today"]
    assert desk.clicks == documented("See what is to be shipped")
    assert not has_run(desk)


def a_keeper_scans_a_delivery_into_the_stock_sheet(shop):
    products = [shop.goods("SCAN-1", stock=3), shop.goods("SCAN-2", barcode="96385074"), shop.goods("SCAN-3")]
    desk = shop.desk_of("keeper")

    desk.follow("Count and receive by sheet")
    start = desk.focus
    desk.type(
        "scan-1", Keys.ENTER, "20", Keys.ENTER, "96385074", Keys.ENTER, "5", Keys.ENTER, "SCAN-3", Keys.ENTER, "1"
    )
    desk.says("In stock: 3.")
    desk.type(Keys.ENTER)
    said, ran, end = desk.the(".stock-sheet-about").text, has_run(desk), desk.focus
    desk.click("input.default")
    done = desk.the(".messagelist .success").text

    assert (start, end) == ("form-0-code", "form-3-code")
    assert said == f"SCAN-1 {HOSTILE}. In stock: 3."
    assert done == "Received 3 products: SCAN-1 +20, SCAN-2 +5, SCAN-3 +1."
    assert [product.refreshed().stock for product in products] == [23, 5, 1]
    assert desk.clicks == documented("Receive three products")
    assert not ran


def a_keeper_counts_shelves_on_which_sold_pieces_are_waiting(shop):
    products = [shop.goods("COUNT-1", stock=8), shop.goods("COUNT-2", stock=5), shop.goods("COUNT-3", stock=2)]
    shop.order(products[0], 3).pay()
    desk = shop.desk_of("keeper")

    desk.follow("Count and receive by sheet")
    desk.click("input[value=count]")
    desk.the("[name=form-0-code]").send_keys("COUNT-1")
    desk.type(Keys.ENTER)
    desk.says("5 free + 3 sold and waiting")
    desk.type("7", Keys.ENTER, "COUNT-2", Keys.ENTER)
    desk.says("5 free + 0 sold")
    desk.type("5", Keys.ENTER, "COUNT-3", Keys.ENTER)
    desk.says("2 free + 0 sold")
    desk.type("4", Keys.ENTER)
    desk.click("input.default")
    done = desk.the(".messagelist .success").text

    assert done == "Counted 3 products: COUNT-1 -1, COUNT-2 agrees, COUNT-3 +2."
    assert [product.refreshed().stock for product in products] == [4, 5, 4]
    assert desk.clicks == documented("Count three products")


def a_count_that_a_sale_overtook_is_entered_again(shop):
    product = shop.goods("OVERTAKEN", stock=20)
    desk = shop.desk_of("keeper")

    desk.open(f"products/product/{product.pk}/count/")
    start = desk.focus
    shop.order(product, 3).pay()
    Order.objects.latest("pk").ship()
    desk.type("20", Keys.ENTER)
    desk.says("17 free + 0 sold")
    left = desk.the("[name=counted]").get_attribute("value")
    desk.the("[name=counted]").send_keys("17", Keys.ENTER)
    desk.says("is correct")

    assert (start, left) == ("counted", "")
    assert product.refreshed().stock == 17


def a_manager_imports_good_and_bad_rows_and_undoes_it(shop):
    known, new_name = shop.goods("IMPORT-1", stock=4), HOSTILE.replace('"', "'")
    rows = ["IMPORT-1,Mug,5.00,9", f'IMPORT-2,"{new_name}",1,2', "IMPORT-3,Lamp,cheap,1"]
    file = shop.folder / HOSTILE_FILE
    file.write_text("\n".join(["sku,name,price,stock", *rows, ""]))
    desk = shop.desk_of("manager")

    desk.follow("Import products")
    start = desk.focus
    desk.the("[name=file]").send_keys(str(file))
    desk.clicks += 1
    desk.click(".submit-row .default")
    desk.says("Nothing has been changed yet.")
    tabs, preview = desk.the(".import-tabs").text, desk.the(".import-rows table").text
    ran, before = has_run(desk), known.refreshed().stock
    desk.click(".submit-row .default")
    desk.says("2 applied, 0 refused, 0 undone, 0 not undone, 0 waiting.")
    clicks, batch = desk.clicks, ProductImport.objects.get()
    desk.open(f"products/productimport/{batch.pk}/change/?rows=new")
    shown_name = desk.the(".import-rows ins").text
    applied = [known.refreshed().stock, Product.objects.get(sku="IMPORT-2").stock]
    ran = ran or has_run(desk)
    desk.open("")
    desk.clicks = 0
    desk.follow("Imports of products", "#content-main .module.app-products")
    desk.click("#result_list tbody tr a")
    ran = ran or has_run(desk)
    desk.click("input[value='Undo this import']")
    desk.says("2 undone, 0 not undone, 0 waiting.")

    assert start == "file"
    assert tabs.split("\n") == ["Bad: 1", "Changed: 1", "New: 1"]
    assert "IMPORT-3" in preview
    assert "price" in preview.lower()
    assert (before, applied) == (4, [9, 2])
    assert (batch.name, shown_name) == (HOSTILE_FILE, new_name)
    assert [known.refreshed().stock, Product.objects.get(sku="IMPORT-2").stock] == [4, 0]
    assert clicks == documented("Change 100 prices")
    assert desk.clicks == documented("Undo that")
    assert not ran


def a_clerk_finds_an_order_ships_it_and_prints_its_slip(shop):
    order = shop.order(shop.goods("PARCEL", stock=3), 2)
    order.pay()
    desk = shop.desk_of("clerk")

    desk.follow("Orders")
    start = desk.focus
    desk.type("mallory@example.net")
    desk.press_enter()
    desk.says("mallory")
    finding = desk.clicks
    desk.open("")
    desk.clicks = 0
    desk.click(".tile a[href*=PAID]")
    desk.follow(format_number(order.number))
    ran = has_run(desk)
    desk.follow("Ship")
    first = desk.focus
    desk.the("[name=carrier]").send_keys("DHL", Keys.TAB, "JJD-1")
    desk.click("[name=_print]")
    slip = desk.the(".sheet").text

    assert (start, first) == ("q", "q0")
    assert Order.objects.get(pk=order.pk).status == "SHIPPED"
    assert all(text in slip for text in ("PARCEL", HOSTILE, "DHL JJD-1", format_number(order.number)))
    assert desk.browser.switch_to.active_element.get_attribute("id") == "print"
    assert finding == documented("Find an order by its customer's e-mail")
    assert desk.clicks + 1 == documented("Ship an order and print its packing slip")
    assert not ran
    assert not has_run(desk)


def a_clerk_marks_all_unpaid_orders_as_paid(shop):
    product = shop.goods("UNPAID", stock=40)
    for _ in range(5):
        shop.order(product)
    desk = shop.desk_of("clerk")

    desk.click(".tile a[href*=PLACED]")
    unpaid = Order.objects.filter(status="PLACED").count()
    choose_all(desk, "pay_selected")
    desk.the("[name=reference]").send_keys("STATEMENT-9")
    desk.click(".submit-row .default")
    desk.says(f"{unpaid} done, 0 refused, 0 waiting.")

    assert set(product.order_lines.values_list("order__status", flat=True)) == {"PAID"}
    assert desk.clicks == documented("Mark all unpaid orders as paid")


def a_clerk_cancels_the_orders_of_a_recalled_product_with_a_reason(shop):
    product = shop.goods("RECALLED", stock=40)
    orders = [shop.order(product) for _ in range(10)]
    desk = shop.desk_of("clerk")

    desk.follow("Orders")
    desk.type("RECALLED")
    desk.press_enter()
    desk.says("10 results")
    choose_all(desk, "cancel_selected")
    orders[0].pay()
    orders[0].ship()
    desk.wait.until(lambda page: desk.focus == "reason")
    desk.type(HOSTILE)
    desk.press_enter()
    desk.says("9 done, 1 refused, 0 waiting.")
    refused = desk.the("#content-main .module table").text

    assert product.refreshed().stock == 39
    assert set(product.order_lines.values_list("order__status", flat=True)) == {"CANCELLED", "SHIPPED"}
    assert "An order that is SHIPPED cannot become CANCELLED. 1" in refused
    assert BulkJob.objects.latest("created_at").reason == HOSTILE
    assert desk.clicks == documented("Cancel ten orders with a reason")
    assert not has_run(desk)


def a_clerk_takes_an_order_on_the_phone(shop):
    mug, lamp = shop.goods("PHONE-1", stock=5), shop.goods("PHONE-2", stock=5)
    shop.order(mug)  # makes the customer
    desk = shop.desk_of("clerk")

    desk.follow("Order for a customer")
    start = desk.focus
    desk.type("mallo")
    desk.wait.until(lambda page: page.find_elements(By.CSS_SELECTOR, "#customers option[value=mallory]"))
    desk.type("ry")
    desk.the("[name=lines-0-sku]").send_keys("phone-1", Keys.TAB, "2", Keys.TAB, "PHONE-2", Keys.TAB, "1")
    desk.press_enter()
    quote = desk.the("#quote").text
    end = desk.focus
    desk.press_enter()
    done = desk.the(".messagelist .success").text

    order = Order.objects.latest("pk")
    assert (start, end) == ("customer", "place")
    assert HOSTILE in quote
    assert done == f"Order {format_number(order.number)} is placed: {order.total}."
    assert (order.customer.username, order.events.get().by.username) == ("mallory", "clerk")
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (2, 4)
    assert desk.clicks == documented("Order two products for a customer on the phone")
    assert not has_run(desk)


def a_viewer_explains_a_stock_figure(shop):
    order = shop.order(shop.goods("EXPLAINED", stock=9), 2)
    desk = shop.desk_of("viewer")

    desk.follow("Products", "#content-main .module.app-products tbody")
    desk.type("EXPLAINED")
    desk.press_enter()
    desk.says("1 result")
    desk.follow("EXPLAINED")
    desk.follow("Ledger")
    ledger = desk.the("#content-main").text

    assert format_number(order.number) in ledger
    assert HOSTILE in ledger
    assert desk.clicks == documented("Explain a stock figure")
    assert not has_run(desk)


def choose_all(desk, action):
    """Choose all orders of the list, and this action for them: four clicks, with those on the menu."""
    desk.click("#action-toggle")
    desk.click("select[name=action]")
    desk.click(f"select[name=action] option[value={action}]")
    desk.click("button[name=index]")


SHEET, IMPORT, PHONE = "products/product/sheet/", "products/productimport/add/", "products/order/add/"
PRODUCT, ORDER = "products/product/{product}/", "products/order/{order}/"
CLERKS = [
    ("", "Order for a customer", PHONE),
    (f"{ORDER}change/", "Ship", f"{ORDER}ship/"),
    (f"{ORDER}change/", "Cancel", f"{ORDER}cancel/"),
    ("products/order/", "Cancel …", "products/bulkjob/"),
]
KEEPERS = [
    ("", "Count and receive by sheet", SHEET),
    ("products/product/", "Stock sheet", SHEET),
    (f"{PRODUCT}change/", "Receive", f"{PRODUCT}receive/"),
    (f"{PRODUCT}change/", "Count", f"{PRODUCT}count/"),
    ("", "Import products", IMPORT),
]
"""What only clerks, and only stock keepers, may do: (page, words of the button on it, page behind the button)."""


ROLES = {"viewer": ([], CLERKS + KEEPERS), "clerk": (CLERKS, KEEPERS), "keeper": (KEEPERS, CLERKS)}
ROLES["manager"] = (CLERKS + KEEPERS, [])


def whoever_may_not_has_no_button_and_is_refused_at_its_address(shop, name):
    product = Product.objects.get(sku="MUG-STONE")
    order = Order.objects.filter(status="PAID", customer__username="alice").earliest("pk")
    desk, shown, statuses = shop.desk_of(name), {}, {}
    permitted, refused = ROLES[name]

    for page, words, address in permitted + refused:
        if page not in shown:
            desk.open(page.format(product=product.pk, order=order.pk))
            shown[page] = desk.links()
        path = f"/{settings.ADMIN_URL}{address.format(product=product.pk, order=order.pk)}"
        statuses[words, address] = desk.browser.execute_async_script(
            "fetch(arguments[0]).then((response) => arguments[1](response.status))", path
        )
    complaints = desk.browser.errors()

    assert [words for page, words, _ in permitted if words not in shown[page]] == []
    assert [words for page, words, _ in refused if words in shown[page]] == []
    assert [statuses[words, address] for _, words, address in permitted] == [200] * len(permitted)
    assert [statuses[words, address] for _, words, address in refused] == [403] * len(refused)
    assert [complaint for complaint in complaints if "status of 403" not in complaint] == []


DAY = [
    a_clerk_logs_in_and_sees_what_is_to_do,
    a_keeper_scans_a_delivery_into_the_stock_sheet,
    a_keeper_counts_shelves_on_which_sold_pieces_are_waiting,
    a_count_that_a_sale_overtook_is_entered_again,
    a_manager_imports_good_and_bad_rows_and_undoes_it,
    a_clerk_finds_an_order_ships_it_and_prints_its_slip,
    a_clerk_marks_all_unpaid_orders_as_paid,
    a_clerk_cancels_the_orders_of_a_recalled_product_with_a_reason,
    a_clerk_takes_an_order_on_the_phone,
    a_viewer_explains_a_stock_figure,
    *(partial(whoever_may_not_has_no_button_and_is_refused_at_its_address, name=name) for name in ROLES),
]
"""In one browser and on one server, as starting those takes longer than what is done in them."""


def test_a_days_work_is_done_and_nothing_runs_that_should_not(demo_admin, subtests, tmp_path):
    shop = Shop(demo_admin, tmp_path)

    for story in DAY:
        with subtests.test(getattr(story, "__name__", str(story))):
            demo_admin.errors()  # of a story that failed
            story(shop)
            assert demo_admin.errors() == []
            assert demo_admin.hosts() == {HOST_NAME}
