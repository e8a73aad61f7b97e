"""The docs page, as far as it can be tested without a browser; see also products/tests/browser."""

import re
from html.parser import HTMLParser

from django.contrib.staticfiles import finders
from django.core.management import call_command

from products.api.views import docs as docs_views
from products.tests.side_by_side import side_by_side

PLACES = {"script": "src", "link": "href", "img": "src", "iframe": "src"}


class Page(HTMLParser):
    """The files that a page loads, and its inline scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.inline = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in PLACES and PLACES[tag] in attributes:
            self.loads.append(attributes[PLACES[tag]])
        elif tag in ("script", "style"):
            self.inline.append(tag)
        self.inline += [name for name in attributes if name == "style" or name.startswith("on")]


def docs(client) -> Page:
    answer = client.get("/api/docs")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    return Page(answer.content.decode())


def test_the_root_leads_to_the_docs(client):
    assert client.get("/")["Location"] == "/api/docs"


def test_the_docs_load_our_own_files_and_nothing_is_written_into_the_page(client):
    page = docs(client)

    assert [url for url in page.loads if not url.startswith("/static/")] == []
    assert [url for url in page.loads if finders.find(url.removeprefix("/static/")) is None] == []
    assert page.inline == []


def test_the_docs_cost_no_query(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/api/docs")
        client.get("/api/schema")


def test_in_production_the_files_of_the_docs_are_collected_under_names_of_their_own(client, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "shop.static_files.StaticFilesStorage"}}
    settings.WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["js", "css", "svg", "map", "txt", "html"]  # it takes long
    call_command("collectstatic", interactive=False, verbosity=0)

    loads = docs(client).loads

    assert [url for url in loads if not re.search(r"\.[0-9a-f]{12}\.", url)] == []
    assert [url for url in loads if not (tmp_path / url.removeprefix("/static/")).is_file()] == []


def test_two_concurrent_first_requests_get_the_same_document(transactional_db):
    docs_views.generated_document.cache_clear()

    first, second = side_by_side(docs_views.document, docs_views.document)

    assert first is second
