"""Clients that others generate from docs/openapi.yaml compile, and do what they are for against a running shop.

What they do is in generated_clients/walk.py and walk.ts: the same steps in both languages.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from products.management import demo
from products.models import ApiToken
from products.tests.contract import faults_of, follow, operations
from tests_http.server import Gunicorn

# Ids begin at 1, as in a shop that has just loaded its demo data, and as in the document's examples.
with_database = pytest.mark.django_db(transaction=True, reset_sequences=True)

CONTRACT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
HERE = Path(__file__).with_name("generated_clients")
NODE_MODULES = HERE / "node_modules"

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and NODE_MODULES.exists()),
    reason="There is no Node.js 20, or not what `make clients` installs for it",
)


def run(*command, **environment):
    """Run a command, and show what it says if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def tool(name):
    return NODE_MODULES / ".bin" / name


def url_of(server):
    return "http://{}:{}".format(*server.address)


@pytest.fixture
def demo_shop(settings):
    """Serve the demo data."""
    settings.PASSWORD_HASHERS = ["shop.password_hashers.Argon2"]  # the server knows no quick ones
    demo.load()
    with Gunicorn(workers=1) as server:
        yield server


@pytest.fixture(scope="module")
def python_client(tmp_path_factory):
    """The folder of the package `shop_client`."""
    folder = tmp_path_factory.mktemp("python") / "client"
    run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
        *("--path", CONTRACT, "--output-path", folder, "--config", HERE / "openapi-python-client.yaml"),
    )
    return folder


@pytest.fixture(scope="module")
def typescript_client(tmp_path_factory):
    """The folder with walk.ts and the types that it needs, compiled."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("walk.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    run(tool("openapi-typescript"), CONTRACT, "--output", folder / "schema.ts")
    run(tool("tsc"), "--project", folder)
    return folder


def test_the_python_client_has_types_for_all_that_it_is_used_for(python_client, tmp_path):
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path}"]

    run(sys.executable, "-m", "mypy", *options, HERE / "walk.py", MYPYPATH=str(python_client))


@with_database
def test_the_python_client_orders_and_manages(python_client, demo_shop):
    run(sys.executable, HERE / "walk.py", url_of(demo_shop), PYTHONPATH=str(python_client))


@needs_node
@with_database
def test_the_typescript_client_orders_and_manages(typescript_client, demo_shop):
    run("node", typescript_client / "walk.js", url_of(demo_shop))


# What newman does with the examples alone, one after the other, in the document's order. The rest is about orders with
# made-up ids, and about what the requests before have retired or revoked.
SUCCEEDS = {
    "List products",
    "Add a product",
    "Read a product",
    "Read the ledger",
    "Adjust the stock",
    "Adjust several stocks",
    "Read the cart",
    "List orders",
    "Quote an order",
    "Get a token",
    "Read the docs",
    "Read this document",
}


@needs_node
@with_database
def test_a_postman_collection_gets_only_answers_that_are_documented(demo_shop, tmp_path):
    collection, report = tmp_path / "collection.json", tmp_path / "report.json"
    run(tool("openapi2postmanv2"), "-s", CONTRACT, "-o", collection, "-c", HERE / "postman.json")
    _, token = ApiToken.objects.issue(User.objects.get(username="admin"))

    run(
        *(tool("newman"), "run", collection, "--reporters", "json", "--reporter-json-export", report),
        *("--env-var", f"baseUrl={url_of(demo_shop)}", "--env-var", f"bearerToken={token}"),
    )

    executions = {
        each["item"]["name"]: each["response"] for each in json.loads(report.read_text())["run"]["executions"]
    }
    by_summary = {operation["summary"]: operation for _, _, operation in operations()}
    assert set(executions) == set(by_summary)
    assert {name: list(faults(response, by_summary[name])) for name, response in executions.items()} == {
        name: [] for name in executions
    }
    assert {name for name, response in executions.items() if response["code"] < 300} >= SUCCEEDS


def faults(response, operation):
    """Yield everything about a response that is not in the document."""
    documented = operation["responses"].get(str(response["code"]))
    if documented is None:
        yield f"{response['code']} is not documented"
        return
    for media_type, media in follow(documented).get("content", {}).items():
        if media_type in ("application/json", "application/problem+json"):
            yield from faults_of(json.loads(bytes(response["stream"]["data"])), media["schema"])
