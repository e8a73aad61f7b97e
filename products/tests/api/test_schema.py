"""The OpenAPI document is complete and correct."""

import io
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.urls import URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from products.api.openapi.hooks import TAGS
from products.api.openapi.responses import OWN
from products.tests.contract import document, faults_of, follow, operations

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
# HEAD is what GET is, without the body; OPTIONS describes an address.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

READ = {200, 304, 400, 401, 403, 406, 429, 503}
WRITE = {400, 401, 403, 406, 408, 413, 415, 429, 503}


def routes(resolver=None, before="/"):
    """Yield (path, method) for every API route in the URLconf, without drf-spectacular."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif route.startswith("/api"):
            path = route.replace("<int:pk>", "{id}").replace("<uuid:pk>", "{id}").replace("<int:product>", "{product}")
            path = path.replace("<int:number>", "{number}")
            yield from ((path, method) for method in METHODS if answers_to(entry.callback, method.lower()))


def answers_to(callback, method):
    """Return whether the view of `callback` has this method."""
    actions = getattr(callback, "actions", None)
    return method in actions if actions else hasattr(callback.cls, method)


def contents(operation):
    """Yield ("request" or the status, media type object) of the request and of the successful responses."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", media
    for status, answer in operation["responses"].items():
        for media_type, media in answer.get("content", {}).items():
            if status < "300" and media_type == "application/json":
                yield status, media


def forms_of(schema):
    """Return the objects that a body can be: the body itself, or those that it is one of."""
    schema = follow(schema)
    return [follow(form) for form in schema["oneOf"]] if "oneOf" in schema else [schema]


def schemas(node):
    """Yield every schema of the document's components, those within others included."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schemas(child)


def test_every_route_and_method_is_in_the_document_and_nothing_else():
    described = sorted((path, method) for path, method, _ in operations())

    assert described == sorted(routes())


def test_the_document_is_valid_makes_no_warning_and_is_the_one_that_is_committed():
    written = io.StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, stdout=written)

    # If this was meant to change: `make openapi`, and see docs/compatibility.md.
    assert written.getvalue() == COMMITTED.read_text(encoding="utf-8")


def test_every_operation_has_a_unique_id_and_summary_and_a_description():
    described = [operation for _, _, operation in operations()]

    assert len({operation["operationId"] for operation in described}) == len(described)
    assert len({operation["summary"] for operation in described}) == len(described)
    assert [each["operationId"] for each in described if not each.get("description")] == []
    assert {tag for each in described for tag in each["tags"]} == set(TAGS)


@pytest.mark.parametrize(
    ("operation_id", "statuses"),
    [
        ("schema_retrieve", {200, 304, 400, 403, 406, 429}),
        ("docs_retrieve", {200, 400, 406, 429}),
        ("tokens_create", WRITE | {200}),
        ("tokens_revoke_current", {204, 400, 401, 403, 429, 503}),
        ("products_list", READ | {414}),
        ("products_retrieve", READ | {404, 414}),
        ("products_create", WRITE | {201, 409}),
        ("products_partial_update", WRITE | {200, 404, 409, 412, 414, 428}),
        ("products_destroy", {204, 400, 401, 403, 404, 412, 414, 429, 503}),
        ("categories_list", READ | {414}),
        ("categories_create", WRITE | {201, 409}),
        ("categories_partial_update", WRITE | {200, 404, 409, 412, 414, 428}),
        ("categories_destroy", {204, 400, 401, 403, 404, 409, 412, 414, 429, 503}),
        ("stock_list", READ | {404, 414}),
        ("stock_move_in_bulk", WRITE | {200}),
        ("stock_move", WRITE | {200, 201, 404, 409, 412, 414, 422}),
        ("orders_create", WRITE | {201, 409, 422}),
        ("orders_quote", WRITE | {200}),
        ("orders_cancel", WRITE | {200, 404, 409, 412, 414, 422}),
        ("orders_deliver", WRITE | {200, 404, 409, 412, 414}),
        ("orders_refunds_create", WRITE | {201, 404, 409, 414, 422}),
        ("orders_shipments_partial_update", WRITE | {200, 404, 414}),
        ("cart_checkout", WRITE | {201, 409, 422}),
    ],
)
def test_an_operation_documents_exactly_the_statuses_it_can_have(operation_id, statuses):
    [operation] = [each for _, _, each in operations() if each["operationId"] == operation_id]

    assert {int(status) for status in operation["responses"]} == statuses


def test_every_error_is_a_problem_with_examples_of_its_status():
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            if status < "400":
                continue
            [(media_type, media)] = follow(answer)["content"].items()
            examples = [follow(example)["value"] for example in media["examples"].values()]
            assert media_type == "application/problem+json"
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert {example["status"] for example in examples} == {int(status)}
            assert [faults_of(example, media["schema"]) for example in examples] == [[]] * len(examples)


def test_every_body_has_valid_examples():
    for _, _, operation in operations():
        for whose, media in contents(operation):
            if operation["operationId"] == "schema_retrieve":
                continue
            examples = [follow(example)["value"] for example in media["examples"].values()]
            faults = [faults_of(example, media["schema"]) for example in examples]
            assert faults == [[]] * len(examples), f"{operation['operationId']} {whose}"


def test_request_bodies_forbid_unknown_fields():
    media = [media for _, _, each in operations() for whose, media in contents(each) if whose == "request"]

    objects = [form for each in media for form in forms_of(each["schema"])]

    assert len(objects) > len(media)
    assert {form["additionalProperties"] for form in objects} == {False}


def test_a_choice_between_objects_has_nothing_beside_it_and_refers_to_named_ones():
    chosen = [each for each in schemas(document()["components"]["schemas"]) if {"oneOf", "anyOf", "allOf"} & set(each)]

    # Generators make nothing of what stands beside a choice, nor of a choice between conditions.
    assert {name for each in chosen for name in each} <= {"oneOf", "allOf", "description", "example"}
    alternatives = [alternative for each in chosen for alternative in each.get("oneOf", each.get("allOf"))]
    assert {"#/components/schemas/LineById", "#/components/schemas/StockCount"} <= {
        each["$ref"] for each in alternatives if "$ref" in each
    }
    assert [each for each in alternatives if "$ref" not in each and "type" not in each] == []
    assert [each for each in alternatives if each.get("type") == "object"] == []


@pytest.mark.parametrize(
    ("schema", "name", "fits", "does_not"),
    [
        ("LinesRequest", "phone", ["", "+49 30 1234567", "0" * 40], ["x", "00", "0" * 41]),
        ("LinesRequest", "email", ["", "alice@shop.example"], ["alice", "a b@c", "a@b@c"]),
        ("NewCustomer", "email", ["", "alice@shop.example"], ["alice"]),
        ("NewCustomer", "username", ["alice", "zo\u00eb", "a.b@c+d-e_f9"], ["", "a b", "a/b", "a\nb", "[", "~"]),
    ],
)
def test_a_pattern_has_the_texts_that_the_api_accepts(schema, name, fits, does_not):
    described = document()["components"]["schemas"][schema]["properties"][name]

    assert [faults_of(text, described) for text in fits] == [[]] * len(fits)
    assert [text for text in does_not if not faults_of(text, described)] == []


def test_no_pattern_means_one_thing_in_python_and_another_in_javascript():
    patterns = [each["pattern"] for each in schemas(document()) if isinstance(each.get("pattern"), str)]

    assert patterns
    assert [pattern for pattern in patterns if "\\w" in pattern or "\\Z" in pattern or "\\A" in pattern] == []


def test_every_object_says_what_is_in_it():
    objects = [each for each in schemas(document()["components"]["schemas"]) if "object" in each.get("type", ())]

    assert [each for each in objects if each.get("additionalProperties") == {}] == []
    # Only this one is meant to be empty.
    assert [each for each in objects if "properties" not in each] == [document()["components"]["schemas"]["NoDetails"]]


def test_only_the_history_knows_carts_as_orders():
    schemas = document()["components"]["schemas"]

    assert schemas["OrderStatusOrCart"]["enum"] == ["CART", *schemas["OrderStatus"]["enum"]]
    assert schemas["Order"]["properties"]["status"] == {"$ref": "#/components/schemas/OrderStatus"}
    assert schemas["EventFacts"]["properties"]["from"]["oneOf"] == [
        {"$ref": "#/components/schemas/OrderStatusOrCart"},
        {"type": "null"},
    ]


def test_a_token_is_got_with_the_body_alone_by_clients_that_take_the_first_way():
    assert document()["paths"]["/api-token-auth"]["post"]["security"] == [{}, {"basic": []}]


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"product": 1, "quantity": 2}, True),
        ({"product": "1", "quantity": "0002"}, True),
        ({"lines": [{"sku": "MUG", "quantity": 10_000}]}, True),
        ({"product": 1, "sku": "MUG", "quantity": 2}, False),
        ({"product": 1, "quantity": 0}, False),
        ({"product": 1, "quantity": 10_001}, False),
        ({"product": 1, "quantity": "10001"}, False),
        ({"product": 2**63, "quantity": 1}, False),
        ({"product": 1, "quantity": 1, "lines": []}, False),
        ({"lines": []}, False),
        ({"lines": [{"product": 1}]}, False),
        ({}, False),
    ],
)
def test_the_schema_of_an_order_accepts_exactly_valid_orders(body, fits):
    assert (faults_of(body, {"$ref": "#/components/schemas/OrderRequest"}) == []) == fits


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"delta": -3}, True),
        ({"delta": "-3", "reason": "CORRECTED", "note": "broken"}, True),
        ({"delta": 3, "reason": "RECEIVED"}, True),
        ({"delta": "-" + "3".zfill(19)}, True),
        ({"set": 0}, True),
        ({"set": "41", "expected": 44}, True),
        ({"delta": 0}, False),
        ({"delta": "-00"}, False),
        ({"delta": "3".zfill(20)}, False),
        ({"delta": -3, "reason": "RECEIVED"}, False),
        ({"delta": 3, "expected": 44}, False),
        ({"delta": 3, "set": 41}, False),
        ({"delta": 0, "set": 41}, False),
        ({"set": 41, "reason": "RECEIVED"}, False),
        ({"set": -1}, False),
        ({"note": "broken"}, False),
    ],
)
def test_the_schema_of_a_stock_change_accepts_exactly_valid_changes(body, fits):
    assert (faults_of(body, {"$ref": "#/components/schemas/StockRequest"}) == []) == fits


def test_the_listed_errors_belong_to_existing_operations():
    assert set(OWN) <= {operation["operationId"] for _, _, operation in operations()}


def test_only_getting_a_token_and_reading_about_the_api_need_none():
    open_to_all = {each["operationId"] for _, _, each in operations() if {} in each.get("security", [{}])}

    assert open_to_all == {"tokens_create", "schema_retrieve", "docs_retrieve"}


def test_a_public_catalog_is_documented_as_public(settings):
    settings.CATALOGUE_IS_PUBLIC = True

    paths = SchemaGenerator().get_schema(public=True)["paths"]

    assert paths["/api/products"]["get"]["security"] == [{}, {"token": []}]
    assert paths["/api/products"]["post"]["security"] == [{"token": []}]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("application/yaml", "application/yaml"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi"),
    ],
)
def test_the_document_is_json_or_yaml_according_to_accept(api, accept, media_type):
    answer = api().get("/api/schema", HTTP_ACCEPT=accept)

    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == media_type
    assert yaml.safe_load(answer.content) == document()


def test_a_current_document_is_a_304_and_json_and_yaml_have_different_etags(api):
    client = api()
    as_json, as_yaml = client.get("/api/schema"), client.get("/api/schema", HTTP_ACCEPT="application/yaml")

    again = client.get("/api/schema", HTTP_IF_NONE_MATCH=as_json["ETag"])

    assert again.status_code == 304
    assert as_json["ETag"] != as_yaml["ETag"]


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize(
    ("query", "accept", "status"), [("?format=yaml", "application/yaml", 400), ("", "image/png", 406)]
)
def test_errors_of_the_documentation_are_problems_too(api, path, query, accept, status):
    answer = api().get(path + query, HTTP_ACCEPT="text/html, application/yaml" if status == 400 else accept)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
