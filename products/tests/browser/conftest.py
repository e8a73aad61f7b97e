"""A real browser, if one is installed (Debian: chromium and chromium-driver)."""

import json
import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings as shop_settings
from django.contrib.auth.models import User
from django.test import Client
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from products.management import demo
from tests_http.server import Gunicorn

PROGRAMS = {"chromium": shutil.which("chromium"), "chromedriver": shutil.which("chromedriver")}
HOST_NAME = "shop.example"
"""Not a loopback address, on which browsers relax some rules; the browser resolves it to 127.0.0.1."""

SERVERS_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
"""For passwords that a server checks: it does not use the fast hasher of the tests."""

NEEDS_HTTPS = "The Cross-Origin-Opener-Policy header has been ignored"


class Browser(Chrome):
    """Headless Chromium, with the requests it sent and the errors it logged."""

    address = ""

    def requests(self) -> list[str]:
        """Return the URLs requested since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def hosts(self) -> set[str | None]:
        """Return the hosts requested since the last call, without the browser's own pages and data URLs."""
        addresses = [urlsplit(url) for url in self.requests()]
        return {address.hostname for address in addresses if address.scheme not in ("chrome", "data")}

    def errors(self) -> list[str]:
        """Return the console errors since the last call: script errors, and files not found or blocked."""
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
    # Name the driver, or Selenium would download one.
    browser = Browser(options, ChromeService(PROGRAMS["chromedriver"]))
    yield browser
    browser.quit()


@pytest.fixture
def demo_admin(browser: Browser, transactional_db: None) -> Iterator[Browser]:
    """A superuser's browser on a server with demo data; `browser.address` is the server's."""
    demo.load()
    with Gunicorn(workers=1, ALLOWED_HOSTS=f"{HOST_NAME},127.0.0.1") as server:
        browser.address = f"http://{HOST_NAME}:{server.address[1]}"
        enter(browser, "admin")
        yield browser


def enter(browser: Browser, name: str) -> None:
    """Give the browser a session of this user, as a login would."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    cookie = client.cookies[shop_settings.SESSION_COOKIE_NAME]
    browser.execute_cdp_cmd("Network.setCookie", {"name": cookie.key, "value": cookie.value, "url": browser.address})


def log_in(browser: Browser, address: str, name: str, password: str) -> None:
    """Log in on the admin's login page, and wait until the page `address` is there."""
    browser.get(address)
    browser.find_element(By.NAME, "username").send_keys(name)
    browser.find_element(By.NAME, "password").send_keys(password)
    browser.find_element(By.NAME, "password").submit()
    WebDriverWait(browser, 15).until(presence_of_element_located((By.ID, "user-tools")))


def arguments(folder: os.PathLike[str]) -> list[str]:
    """Return the arguments for a headless browser with a temporary profile and without background requests."""
    return [
        "--headless=new",
        "--no-sandbox",  # needed to run as root, as in a container
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={folder}/browser",
        f"--host-resolver-rules=MAP {HOST_NAME} 127.0.0.1",
        "--window-size=1280,1600",
    ]
