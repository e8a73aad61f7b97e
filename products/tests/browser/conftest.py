"""A real browser, where there is one: Debian's packages chromium and chromium-driver."""

import json
import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

PROGRAMS = {"chromium": shutil.which("chromium"), "chromedriver": shutil.which("chromedriver")}
A_NAME = "shop.example"
"""Not an address of this machine's, as pages may do other things there; the browser is told where it is."""

NEEDS_HTTPS = "The Cross-Origin-Opener-Policy header has been ignored"


class Browser(Chrome):
    """Chromium without a window, and what it has asked for and complained about."""

    def requests(self) -> list[str]:
        """The addresses asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def hosts(self) -> set[str | None]:
        """The hosts asked since the last call; the browser's own pages and pictures within a page ask none."""
        addresses = [urlsplit(url) for url in self.requests()]
        return {address.hostname for address in addresses if address.scheme not in ("chrome", "data")}

    def errors(self) -> list[str]:
        """The console's errors since the last call: in scripts, of files not found or not allowed."""
        severe = [entry["message"] for entry in self.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in severe if NEEDS_HTTPS not in message]


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    missing = [name for name, path in PROGRAMS.items() if path is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (Debian: apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = str(PROGRAMS["chromium"])
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in arguments(tmp_path):
        options.add_argument(argument)
    # The driver is named, as Selenium would else go and fetch one.
    browser = Browser(options, ChromeService(PROGRAMS["chromedriver"]))
    yield browser
    browser.quit()


def arguments(folder: os.PathLike[str]) -> list[str]:
    """Nothing but the page: no window, no traces, and no calls home."""
    return [
        "--headless=new",
        "--no-sandbox",  # it would not start as root otherwise, as in a container
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={folder}/browser",
        f"--host-resolver-rules=MAP {A_NAME} 127.0.0.1",
        "--window-size=1280,1600",
    ]
