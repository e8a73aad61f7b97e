"""axe-core examines the admin: nothing that it calls serious or critical, in light and dark, wide and narrow.

Each page is examined in one of the looks, the next page in the other one. `make accessibility` examines all in both.
"""

import os
from pathlib import Path

import pytest
from django.conf import settings

from products.tests.browser import pages

AXE = Path(settings.BASE_DIR, "tests_http/generated_clients/node_modules/axe-core/axe.min.js")

EXAMINE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
    (results) => done(results.violations.filter((each) => ["serious", "critical"].includes(each.impact)).flatMap(
        (each) => each.nodes.map((node) => `${each.id}: ${node.target} (${node.any.map((it) => it.message)})`))),
    (error) => done([`axe failed: ${error}`]));
"""
TOO_WIDE = """
return document.documentElement.scrollWidth > document.documentElement.clientWidth
    ? [`wider than the screen: ${document.documentElement.scrollWidth}`] : []
"""


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; with npm, `make clients` installs it")
def test_no_page_has_a_barrier_and_none_is_wider_than_the_screen(demo_admin):
    axe, barriers = AXE.read_text(), {}
    looks, every_look = (pages.LIGHT, pages.PHONE), bool(os.environ.get("EVERY_LOOK"))

    for turn, look in enumerate(looks):
        pages.dress(demo_admin, look)
        for position, (name, path) in enumerate(pages.paths().items()):
            if not every_look and position % len(looks) != turn:
                continue
            demo_admin.get(demo_admin.address + path)
            found = demo_admin.errors() + demo_admin.execute_script(TOO_WIDE)
            if name not in pages.OF_ANOTHER_FRAME and not demo_admin.find_elements("id", "user-tools"):
                found.append(f"not a page of the admin: {demo_admin.title}")
            demo_admin.execute_script(axe)  # through WebDriver: the page's own policy stays as strict as it is
            barriers[look, name] = found + demo_admin.execute_async_script(EXAMINE)
            demo_admin.errors()  # axe tries inline styles, which the policy blocks

    assert {page: found for page, found in barriers.items() if found} == {}
