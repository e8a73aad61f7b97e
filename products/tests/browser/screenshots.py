"""Photographs the admin's pages on demo data, for people to look at: `make screenshots`, `make screenshots ONLY=order`.

This is no test. pytest runs it, because it brings the server, the data and the browser.
"""

import base64
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from selenium.webdriver.common.keys import Keys

from products.management import demo
from products.tests.browser import pages

FOLDER = Path(settings.BASE_DIR, "build/screenshots")

IN_README = {("front", pages.LIGHT), ("import-preview", pages.LIGHT), ("sheet", pages.PHONE)}
README_FOLDER = Path(settings.BASE_DIR, "docs/screenshots")

SCANNED = ["mug-stone", Keys.ENTER, "48", Keys.ENTER, "kettle-15", Keys.ENTER, "12", Keys.ENTER]
"""What is typed into the stock sheet."""


def test_photograph(demo_admin, tmp_path):
    FOLDER.mkdir(parents=True, exist_ok=True)
    only = os.environ.get("ONLY", "").split(",")
    bring_a_month_of_orders(tmp_path / "orders.csv")

    for look in (pages.LIGHT, pages.DARK, pages.PHONE):
        pages.dress(demo_admin, look)
        for name, path in pages.paths().items():
            if only == [""] or name in only:
                demo_admin.get(demo_admin.address + path)
                if name == "sheet":
                    for keys in SCANNED:
                        demo_admin.switch_to.active_element.send_keys(keys)
                photograph(demo_admin, FOLDER / f"{name}-{look}.png")
                if os.environ.get("README") and (name, look) in IN_README:
                    photograph(demo_admin, README_FOLDER / f"{name}.png", whole=False)


def photograph(browser, file, *, whole=True):
    """Write an image of the whole page, or of what fits on the screen."""
    image = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
    file.write_bytes(base64.b64decode(image["data"]))


def bring_a_month_of_orders(file):
    """Import orders of the last thirty days, so that there are charts to look at."""
    goods = [(sku, price) for some in demo.GOODS.values() for sku, _, price, _ in some]
    rows = ["number,customer,placed_at,status,sku,quantity,unit_price"]
    for days in range(1, 30):
        for number in range(2 + days * 5 % 7):
            moment = timezone.now() - timedelta(days=days, hours=number)
            sku, price = goods[(days * 3 + number * number) % len(goods)]
            rows.append(f"W-{days}-{number},alice,{moment.isoformat()},DELIVERED,{sku},{1 + number % 3},{price}")
    file.write_text("\n".join(rows))
    call_command("import_orders", str(file), verbosity=0)
