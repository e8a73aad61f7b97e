"""Static files in production: what was not collected is served all the same, and the log says what to do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.templatetags.static import static

from shop.static_files import uncollected

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "kT3vQ9xR7mZ2wB8nL5cY1jF6hD4gS0pAuEiOqWrTyXsVbNmKlJhG",
    "ALLOWED_HOSTS": "testserver",
    "PYTHONDONTWRITEBYTECODE": "1",
}

VISIT = """
import json, re
from django.test import Client
from shop import wsgi
client, found = Client(raise_request_exception=False), {}
for page in ("/api/docs", "/admin/login/"):
    response = client.get(page, secure=True)
    found[page] = response.status_code
    for file in re.findall(r'"(/static/[^"]+)"', response.content.decode()):
        found[file] = client.get(file, secure=True).status_code
print(json.dumps(found))
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of what runs, in which nothing was collected, and without the tests."""
    for name in ("shop", "products"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    return tmp_path


def test_a_checkout_serves_its_pages_in_production_and_says_what_to_do(checkout):
    environment = PRODUCTION | {"DATABASE_URL": f"sqlite:///{checkout}/shop.sqlite3"}
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", VISIT]

    process = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)

    found = json.loads(process.stdout)
    assert set(found.values()) == {200}
    assert {"/api/docs", "/admin/login/", "/static/api/docs.css", "/static/admin/css/base.css"} <= set(found)
    [line] = [line for line in process.stderr.splitlines() if '"logger":"shop.wsgi"' in line]
    assert json.loads(line)["message"].endswith(
        "are served uncompressed and are hardly cached; run manage.py collectstatic."
    )


def test_a_file_that_came_after_the_last_collection_keeps_its_name(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    manifest = {"version": "1.1", "paths": {"admin/css/base.css": "admin/css/base.0123456789ab.css"}, "hash": ""}
    (tmp_path / "staticfiles.json").write_text(json.dumps(manifest))
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "shop.static_files.StaticFilesStorage"}}

    collected, new = static("admin/css/base.css"), static("admin/css/login.css")

    assert (collected, new) == ("/static/admin/css/base.0123456789ab.css", "/static/admin/css/login.css")
    assert "admin/css/login.css" in uncollected()
    assert "admin/css/base.css" not in uncollected()


def test_on_a_laptop_there_is_nothing_to_collect():
    assert uncollected() == []


def test_the_manual_says_all_that_the_image_does():
    dockerfile = (ROOT / "Dockerfile").read_text()
    image = dockerfile.rpartition("\nFROM ")[2]
    variables = [
        word.partition("=")[0] for line in image.splitlines() if line.startswith("ENV ") for word in line.split()[1:]
    ]
    commands = ["-r requirements.txt", "manage.py collectstatic --noinput", "compileall", "gunicorn shop.wsgi"]

    manual = (ROOT / "docs/operations.md").read_text()

    assert len(variables) > 5
    assert [word for word in [*variables, *commands] if word not in manual] == []
