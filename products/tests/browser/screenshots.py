"""Photographs the admin's pages on demo data, for people to look at: `make screenshots`, `make screenshots ONLY=order`.

This is no test. pytest runs it, because it brings the server, the data and the browser.
"""

import base64
import os
from pathlib import Path

from django.conf import settings

from products.tests.browser import pages

FOLDER = Path(settings.BASE_DIR, "build/screenshots")


def test_photograph(demo_admin):
    FOLDER.mkdir(parents=True, exist_ok=True)
    only = os.environ.get("ONLY", "").split(",")

    for look in (pages.LIGHT, pages.DARK, pages.PHONE):
        pages.dress(demo_admin, look)
        for name, path in pages.paths().items():
            if only == [""] or name in only:
                demo_admin.get(demo_admin.address + path)
                image = demo_admin.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                (FOLDER / f"{name}-{look}.png").write_bytes(base64.b64decode(image["data"]))
