"""What Schemathesis cannot know: which answers are right although no schema can say when they come."""

from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse, UseAfterFree

# A request that the document allows may still be refused for what the shop has, or had, when it comes.
AS_THINGS_ARE = {
    "stale": "an ETag names a state, and one that was made up none",
    "stock_has_moved": "so does an expected stock",
    "idempotency_key_reused": "a key is free until it is used",
    "invalid_cursor": "a cursor is signed, and cannot be made up",
    "unknown_product": "which ids and SKUs there are",
    "retired_product": "and which of them are still sold",
    "unknown_category": "which categories there are",
    "unknown_tax_class": "which tax classes have a rate",
    "too_many_decimals": "how many decimals prices have in the shop's currency",
    "invalid_amount": "and how many its amounts have",
    "list_price_too_low": "what the price beside it is",
    "discount_too_large": "what the lines cost",
    "different_prices": "whether two lines name the same product",
    "category_cycle": "and which of them is below which",
    "category_too_deep": "and how deep",
    "invisible_character": "which characters Unicode gives no look; as a pattern, that would be a page",
    "invalid_barcode": "a GTIN may also be blank, and a generator has no patience with what is rarely right",
    "wrong_check_digit": "what the digits before the last add up to",
    "not_lower_case": "which characters of all scripts have a lower case",
    "repeated": "whether two tags are the same, which is compared after spaces are cut off",
    "uri_too_long": "each parameter may be long, but not all of them at once",
    "empty": "whether there is something in the cart",
    "unknown_line": "which lines an order has",
    "line_named_twice": "each of which is named once, by whichever of its three names",
    "restock_out_of_range": "what goes back into stock is compared with what came back",
    "amount_out_of_range": "0.00 has the pattern of an amount",
    "unknown_address": "which addresses a customer keeps",
    "too_many_addresses": "and how many",
    "unknown_customer": "which customers there are",
    "unknown_country": "which codes ISO 3166-1 has assigned; as a list, each client would get a type of 249 countries",
    "incomplete_address": "a name or a company; generators make nothing of conditions on `required`",
    "unknown_type": "which types of events there are, in a list with commas",
    "ahead_of_feed": "how far the feed has come",
    "invalid_address": "what is an address on the internet",
    "private_address": "and what a name resolves to",
    "not_https": "how it begins",
    "invalid_port": "and which ports may be posted to",
    "ship_to_or_address": "so it is with members that exclude each other",
}

IMAGES = "/images/"
"""Addresses, each of which Django checks too."""

CHECKED_BY_DJANGO = ("/email", "/username", "/password")
"""What Django's validators have the last word on; no pattern says the same."""


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure is one; all are that do not have a reason here."""
    if is_broken_http(response):
        return False
    match failure:
        case RejectedPositiveData():
            problem = response.json()
            return not all(could_not_be_told(each, case.body) for each in problem["errors"] or [problem])
        case AcceptedNegativeData():
            return not (response.status_code == 200 and says_so_inside(case.path, response))
        case UnsupportedMethodResponse():
            # A body that a method cannot have is refused before the address is looked at.
            return not (response.status_code == 400 and response.json()["code"] == "unexpected_body")
        case UseAfterFree():
            # To delete a product is to retire it: it stays, for the orders that name it, and can be brought back.
            return not case.path.startswith("/api/products/")
    return True


def is_broken_http(response: Any) -> bool:
    """Whether gunicorn has rejected a request that is no HTTP, such as one with a backtick in a header's name.

    It never reaches the application, so gunicorn answers as it likes, as long as the status is a 4xx.
    """
    is_gunicorns = "x-request-id" not in {name.lower() for name in response.headers}
    is_too_long = response.status_code == 414 and b"Request Line is too large" in response.content
    return is_gunicorns and (is_too_long or (response.status_code == 400 and b"Invalid HTTP" in response.content))


def could_not_be_told(problem: dict[str, Any], body: Any) -> bool:
    """Whether a refusal is one that no schema could have told before."""
    pointer = problem.get("pointer", "")
    if problem["code"] in AS_THINGS_ARE or pointer in CHECKED_BY_DJANGO or pointer.startswith(IMAGES):
        return True
    if problem["code"] == "quantity_out_of_range" and "delta" in body:
        return int(body["delta"]) > 0  # and too many together with those that there are
    # To JSON Schema 1.0 is a whole number. To the shop it is not.
    return isinstance(value_at(problem.get("pointer", ""), body), float)


def says_so_inside(path: str, response: Any) -> bool:
    """Whether the body says that something is wrong, with a status of 200 that is as it should be."""
    if path == "/api/orders/quote":
        return not response.json()["acceptable"]  # which is what a quote is for
    # Of many stock changes each has an answer of its own.
    return path == "/api/stock" and any(row["status"] >= 400 for row in response.json()["results"])


def value_at(pointer: str, body: Any) -> Any:
    """What a JSON pointer (RFC 6901) points to in `body`; None where there is nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(body, list):
            body = body[int(name)] if name.isdecimal() and int(name) < len(body) else None
        else:
            body = body.get(name) if isinstance(body, dict) else None
    return body
