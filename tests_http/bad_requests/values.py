"""Numbers, texts and amounts of every wrong kind, each where it is expected to be right."""

# A row is read across, not down.
# fmt: off

from typing import Any

from tests_http.bad_requests.rows import Row, ask

NOT_WHOLE = {
    "a fraction": "1.5",
    "a fraction of nothing": "1.0",
    "an exponent": "1e2",
    "more than a float": "1e309",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "true": "true",
    "null": "null",
    "empty text": '""',
    "an underscore": '"1_0"',
    "a plus": '"+1"',
    "spaces": '" 1 "',
    "a line end": '"1\\n"',
    "fullwidth digits": '"１"',
    "Arabic digits": '"٣"',
    "a superscript": '"²"',
    "hexadecimal": '"0x10"',
    "a decimal in text": '"1.0"',
    "an exponent in text": '"1e2"',
    "a minus in text": '"-1"',
    "words": '"two"',
    "a list": "[1]",
    "an object": '{"of": 1}',
    "a very long text": '"' + "1" * 20 + '"',
}
NOT_JSON = {"NaN", "infinity"}
TOO_LONG = {"more than a float"}
OUT_OF_RANGE = {
    "zero": "0",
    "minus zero": "-0",
    "less than zero": "-1",
    "one too many": "10001",
    "2^31": str(2**31),
    "2^63 - 1": str(2**63 - 1),
    "2^63": str(2**63),
    "40 digits": "9" * 40,
    "zero in text": '"0"',
    "2^63 in text": f'"{2**63}"',
}


def code_of(kind: str, otherwise: str) -> str:
    if kind in NOT_JSON:
        return "malformed_json"
    return "number_too_long" if kind in TOO_LONG else otherwise


def quantities() -> list[Row]:
    order = "POST /api/orders"
    wrong = [
        ask(f"a quantity that is {kind}", order, 400, code_of(kind, "null" if value == "null" else "invalid"),
            body=f'{{"product": {{mug}}, "quantity": {value}}}')
        for kind, value in NOT_WHOLE.items()
    ]
    outside = [
        ask(f"a quantity of {kind}", order, 400, "quantity_out_of_range",
            body=f'{{"product": {{mug}}, "quantity": {value}}}')
        for kind, value in OUT_OF_RANGE.items()
    ]
    return [
        *wrong,
        *outside,
        ask("a quantity of 10^5000", order, 400, "number_too_long",
            body='{"product": {mug}, "quantity": 1' + "0" * 5_000 + "}"),
        ask("a quantity with 41 digits", order, 400, "number_too_long",
            body='{"product": {mug}, "quantity": ' + "9" * 41 + "}"),
        ask("a quantity with a leading zero", order, 400, "malformed_json",
            body='{"product": {mug}, "quantity": 02}'),
        ask("a quantity in a line that is NaN", order, 400, "malformed_json",
            body='{"lines": [{"product": {mug}, "quantity": NaN}]}'),
        ask("a quantity in a line that is true", order, 400, "invalid",
            body='{"lines": [{"product": {mug}, "quantity": true}]}'),
        ask("quantities that only together are too many", order, 400, "quantity_out_of_range",
            body='{"lines": [{"product": {mug}, "quantity": 9999}, {"product": {mug}, "quantity": 2}]}'),
        ask("a whole number in text, as forms send it", order, 201, body='{"product": "{mug}", "quantity": "1"}'),
        ask("leading zeros in text", order, 201, body='{"product": "{mug}", "quantity": "001"}'),
        ask("no quantity", order, 400, "required", body='{"product": {mug}}'),
        ask("more than there is", order, 409, "insufficient_stock", body='{"product": {mug}, "quantity": 10000}'),
    ]


def products_in_orders() -> list[Row]:
    order = "POST /api/orders"
    not_ids = ("a fraction", "true", "null", "an underscore", "fullwidth digits", "a list", "an object", "NaN")
    return [
        *(
            ask(f"a product that is {kind}", order, 400,
                code_of(kind, "null" if kind == "null" else "invalid"),
                body=f'{{"product": {NOT_WHOLE[kind]}, "quantity": 1}}')
            for kind in not_ids
        ),
        *(
            ask(f"product {kind}", order, 400, "unknown_product", body=f'{{"product": {value}, "quantity": 1}}')
            for kind, value in OUT_OF_RANGE.items()
            if kind not in ("one too many",)
        ),
        ask("a retired product", order, 400, "retired_product", body='{"product": {retired}, "quantity": 1}'),
        ask("a product and a SKU", order, 400, "product_or_sku",
            body='{"product": {mug}, "sku": "MUG", "quantity": 1}'),
        ask("neither product nor SKU", order, 400, "product_or_sku", body={"quantity": 1}),
        ask("a SKU that is a number", order, 400, "invalid", body={"sku": 7, "quantity": 1}),
        ask("an unknown SKU", order, 400, "unknown_product", body={"sku": "NOTHING", "quantity": 1}),
        ask("a SKU of SQL", order, 400, "unknown_product", body={"sku": "' OR 1=1 --", "quantity": 1}),
        ask("a SKU in other letters", order, 400, "unknown_product", body={"sku": "МUG", "quantity": 1}),
        ask("a SKU in another case", order, 201, body={"sku": "ｍug", "quantity": 1}),
        ask("a SKU too long", order, 400, "max_length", body={"sku": "M" * 65, "quantity": 1}),
        ask("an empty SKU", order, 400, "blank", body={"sku": "", "quantity": 1}),
        ask("no lines", order, 400, "invalid_order", body={"lines": []}),
        ask("lines that are null", order, 400, "null", body={"lines": None}),
        ask("lines that are an object", order, 400, "not_a_list", body={"lines": {"product": 1}}),
        ask("lines that are text", order, 400, "not_a_list", body={"lines": "all of it"}),
        ask("lines of lists", order, 400, "invalid", body={"lines": [[1, 2]]}),
        ask("lines of null", order, 400, body={"lines": [None]}),
        ask("a line and lines", order, 400, "lines_or_one_line",
            body='{"product": {mug}, "quantity": 1, "lines": [{"product": {mug}, "quantity": 1}]}'),
        ask("2,001 lines", order, 400, "too_many_lines",
            body='{"lines": [' + ",".join(['{"product": {mug}, "quantity": 1}'] * 2_001) + "]}"),
        ask("20,000 lines", order, 400, "too_many_lines",
            body='{"lines": [' + ",".join(['{"product": {mug}, "quantity": 1}'] * 20_000) + "]}"),
        ask("40,000 lines", order, 413, "body_too_large",
            body='{"lines": [' + ",".join(['{"product": {mug}, "quantity": 1}'] * 40_000) + "]}"),
        ask("an unknown member in a line", order, 400, "unknown",
            body='{"lines": [{"product": {mug}, "quantity": 1, "price": "0.01"}]}'),
        ask("a price in an order", order, 400, "unknown", body='{"product": {mug}, "quantity": 1, "price": "0.01"}'),
        ask("somebody else as the customer", order, 403, "permission_denied",
            body='{"product": {mug}, "quantity": 1, "customer": 999999999}'),
        ask("a status in an order", order, 400, "unknown",
            body='{"product": {mug}, "quantity": 1, "status": "PAID"}'),
    ]


def prices() -> list[Row]:
    def new(price: str, what: str, code: str = "invalid", status: int = 400) -> Row:
        body = f'{{"sku": "NEW", "name": "New", "price": {price}}}'
        return ask(f"a price of {what}", "POST /api/products", status, code, body=body, who="staff")

    return [
        new("NaN", "NaN", "malformed_json"),
        new('"NaN"', "NaN in text"),
        new('"sNaN"', "a signalling NaN"),
        new('"-NaN123"', "a NaN with a load"),
        new("Infinity", "infinity", "malformed_json"),
        new('"Infinity"', "infinity in text"),
        new("1e309", "more than a float", "number_too_long"),
        new("1e999999999999999999999", "an exponent that no number has", "number_too_long"),
        new("1E+2", "an exponent"),
        new('"1e2"', "an exponent in text"),
        new('"1.005"', "three decimals"),
        new("1.005", "three decimals in a number"),
        new('"4.50000"', "a fifth decimal that is 0"),
        new('"4.50001"', "five decimals"),
        new('"-1.00"', "less than nothing"),
        new("-0.01", "a cent less than nothing"),
        new('"-0.00"', "minus nothing"),
        new('"100000000.00"', "nine digits"),
        new("9" * 39, "39 digits"),
        new("0." + "0" * 50 + "1", "50 decimals", "number_too_long"),
        new('"1,50"', "a comma"),
        new('"1_000.00"', "an underscore"),
        new('" 1.50 "', "spaces"),
        new('"1.50\\n"', "a line end"),
        new('"€1.50"', "a currency"),
        new('"１.50"', "fullwidth digits"),
        new('".50"', "no whole part"),
        new('"1."', "no decimals after the point"),
        new('"0x10"', "hexadecimal"),
        new('""', "nothing at all"),
        new("true", "true"),
        new("null", "null", "null"),
        new("[1]", "a list"),
        new("{}", "an object"),
    ]


def texts() -> list[Row]:
    def new(what: str, code: str | None, *, status: int = 400, **members: Any) -> Row:
        body = {"sku": "NEW", "name": "New", "price": "1.00"} | members.pop("more", {}) | members
        return ask(what, "POST /api/products", status, code, body=body, who="staff")

    return [
        new("NUL in a name", "nul_character", name="a\0b"),
        new("half a surrogate pair in a name", "lone_surrogate", name="a\ud800b"),
        new("the other half", "lone_surrogate", description="\udfff"),
        new("a control character in a name", "control_character", name="a\x07b"),
        new("an escape sequence in a description", "control_character", description="\x1b[31mred"),
        new("DEL in a name", "control_character", name="a\x7fb"),
        new("a C1 control character in a name", "control_character", name="a\x9bb"),
        new("a name of spaces", "blank", name="   "),
        new("a name of a zero-width space", "invisible_character", name="\u200b"),
        new("a name with a tab", "control_character", name="a\tb"),
        new("a zero-width space behind a SKU", "invisible_character", sku="NEW\u200b"),
        new("no name", "blank", name=""),
        new("a name of 201 letters", "max_length", name="n" * 201),
        new("a name of 200 KB", "max_length", name="n" * 200_000),
        new("a description of 1 MB", "body_too_large", status=413, description="d" * 1_000_000),
        new("a description too long", "max_length", description="d" * 10_001),
        new("a name that is a number", "invalid", name=7),
        new("a name that is true", "invalid", name=True),
        new("a name that is a list", "invalid", name=["New"]),
        new("a SKU with a line end", "invisible_character", sku="NEW\nONE"),
        new("a SKU with a no-break space", "invisible_character", sku="NEW\u00a0ONE"),
        new("a SKU with a variation selector", "invisible_character", sku="NEW\ufe0f"),
        new("a SKU that turns the text around", "invisible_character", sku="\u202eWEN"),
        new("a SKU of 65 letters", "max_length", sku="N" * 65),
        new("a SKU that is taken", "sku_taken", status=409, sku="MUG"),
        new("a SKU that is taken in another case", "sku_taken", status=409, sku="mug"),
        new("a vendor of two lines", "control_character", vendor="a\nb"),
        new("a barcode of letters", "invalid_barcode", barcode="ABC"),
        new("a barcode with a wrong digit", "wrong_check_digit", barcode="4006381333932"),
        new("a barcode that is a number", "invalid", barcode=4006381333931),
        new("a weight below zero", "out_of_range", weight=-1),
        new("a weight past 2^31", "out_of_range", weight=2**31),
        new("a weight with decimals", "invalid", weight=1.5),
        new("tags in one text", "not_a_list", tags="gift,new"),
        new("a tag with a NUL", "nul_character", tags=["a\0"]),
        new("a tag with half a surrogate pair", "lone_surrogate", tags=["a\ud800"]),
        new("a tag with a line end", "invisible_character", tags=["a\nb"]),
        new("a tag in capitals", "not_lower_case", tags=["Gift"]),
        new("a tag twice", "repeated", tags=["gift", "gift"]),
        new("51 tags", "max_length", tags=[f"t{number}" for number in range(51)]),
        new("a tag that is an object", "invalid", tags=[{"name": "gift"}]),
        new("an image by plain HTTP", "invalid", images=["http://img.shop.example/1.jpg"]),
        new("an image that is a script", "invalid", images=["javascript:alert(1)"]),
        new("an image that is null", "null", images=[None]),
        new("21 images", "max_length", images=["https://img.shop.example/1.jpg"] * 21),
        new("an unknown category", "unknown_category", category="nowhere"),
        new("a category that is a number", "invalid", category=1),
        new("a category with a NUL", "nul_character", category="a\0"),
        new("a stock", "unknown", stock=5),
        new("an id", "unknown", id=7),
        new("a NUL in a member's name", "nul_character", more={"na\0me": "x"}),
        new("half a surrogate pair in a member's name", "lone_surrogate", more={"\udc00": "x"}),
        new("a member's name of 10,000 letters", "unknown", more={"n" * 10_000: "x"}),
        new("a member called __proto__", "unknown", more={"__proto__": {"is_staff": True}}),
    ]


def categories() -> list[Row]:
    def new(what: str, code: str | None, *, status: int = 400, **members: Any) -> Row:
        body = {"slug": "new", "name": "New"} | members
        return ask(what, "POST /api/categories", status, code, body=body, who="staff")

    return [
        new("a category without a name", "blank", name=""),
        new("a category with a NUL in its name", "nul_character", name="a\0b"),
        new("a category of half a surrogate pair", "lone_surrogate", name="\ud800"),
        new("a category of two lines", "control_character", name="a\nb"),
        new("a slug with a space", "invalid", slug="two words"),
        new("a slug that is a number", "invalid", slug=7),
        new("a slug of 61 letters", "max_length", slug="s" * 61),
        new("an unknown parent", "unknown_category", parent="nowhere"),
        new("a parent that is a number", "invalid", parent=1),
        new("a parent with a NUL", "nul_character", parent="a\0"),
        new("a depth", "unknown", depth=2),
    ]


def stock() -> list[Row]:
    def move(what: str, code: str, status: int = 400, *, body: str, to: str = "{mug}") -> Row:
        return ask(what, f"POST /api/products/{to}/stock", status, code, body=body, who="staff")

    return [
        move("a stock change of nothing", "delta_or_set", body="{}"),
        move("a delta and a count", "delta_or_set", body='{"delta": 1, "set": 1}'),
        move("a delta of 0", "nothing_moves", body='{"delta": 0}'),
        move("a delta of 1.0", "invalid", body='{"delta": 1.0}'),
        move("a delta of true", "invalid", body='{"delta": true}'),
        move("a delta of 2^31", "quantity_out_of_range", body='{"delta": 2147483648}'),
        move("a delta of 2^63", "quantity_out_of_range", body='{"delta": 9223372036854775808}'),
        move("a delta of minus 10^39", "insufficient_stock", 409, body='{"delta": -1' + "0" * 38 + "}"),
        move("a delta with two signs", "invalid", body='{"delta": "--1"}'),
        move("a count of -1", "quantity_out_of_range", body='{"set": -1}'),
        move("a count of 2^63", "quantity_out_of_range", body='{"set": 9223372036854775808}'),
        move("a count that expects something else", "stock_has_moved", 412, body='{"expected": 999999, "set": 1}'),
        move("a count that expects 2^63", "stock_has_moved", 412, body='{"expected": 9223372036854775808, "set": 1}'),
        move("a count with a reason", "not_for_a_count", body='{"set": 1, "reason": "RECEIVED"}'),
        move("an unknown reason", "invalid_choice", body='{"delta": 1, "reason": "STOLEN"}'),
        move("the reason of an order", "invalid_choice", body='{"delta": 1, "reason": "SOLD"}'),
        move("a reason that is a list", "invalid_choice", body='{"delta": 1, "reason": ["RECEIVED"]}'),
        move("a reason that is an object", "invalid_choice", body='{"delta": 1, "reason": {}}'),
        move("receiving less than nothing", "quantity_out_of_range", body='{"delta": -1, "reason": "RECEIVED"}'),
        move("more than there is taken away", "insufficient_stock", 409, body='{"delta": -999999}'),
        move("a note too long", "max_length", body='{"delta": 1, "note": "' + "n" * 201 + '"}'),
        move("a note with NUL", "nul_character", body='{"delta": 1, "note": "\\u0000"}'),
        move("the stock of a product that is not there", "not_found", 404, body='{"delta": 1}', to="999999999"),
        ask("no rows in bulk", "POST /api/stock", 400, "empty", body={"rows": []}, who="staff"),
        ask("1,001 rows in bulk", "POST /api/stock", 400, "max_length", who="staff",
            body='{"rows": [' + ",".join(['{"product": {mug}, "delta": 1}'] * 1_001) + "]}"),
        ask("rows that are null", "POST /api/stock", 400, "null", body={"rows": None}, who="staff"),
        ask("a customer who moves stock", "POST /api/products/{mug}/stock", 403, "permission_denied",
            body={"delta": 1}),
    ]


def carts_and_quotes() -> list[Row]:
    line = "PUT /api/cart/lines/{mug}"
    return [
        *(
            ask(f"a quantity in the cart that is {kind}", line, 400, code_of(kind, "invalid"),
                body=f'{{"quantity": {NOT_WHOLE[kind]}}}')
            for kind in ("a fraction", "more than a float", "NaN", "true", "fullwidth digits", "an object")
        ),
        *(
            ask(f"{kind} in the cart", line, 400, "quantity_out_of_range",
                body=f'{{"quantity": {OUT_OF_RANGE[kind]}}}')
            for kind in ("zero", "less than zero", "one too many", "2^63", "40 digits")
        ),
        ask("a cart line that names a product twice", line, 400, "unknown", body='{"product": {mug}, "quantity": 1}'),
        ask("an unknown product in the cart", "PUT /api/cart/lines/999999999", 404, "not_found", body={"quantity": 1}),
        ask("a retired product in the cart", "PUT /api/cart/lines/{retired}", 400, "retired_product",
            body={"quantity": 1}),
        ask("a cart line that is not there", "DELETE /api/cart/lines/999999999", 404),
        ask("a cart line past 2^63", "DELETE /api/cart/lines/99999999999999999999", 404),
        ask("checkout of an empty cart", "POST /api/cart/checkout", 400, "invalid_order", body={}),
        ask("checkout with lines", "POST /api/cart/checkout", 400, "unknown",
            body='{"lines": [{"product": {mug}, "quantity": 1}]}'),
        ask("checkout with a list", "POST /api/cart/checkout", 400, "invalid", body=[]),
        ask("checkout with null", "POST /api/cart/checkout", 400, "null", body="null"),
        ask("a quote for nothing", "POST /api/orders/quote", 400, "required", body={}),
        ask("a quote for a fraction", "POST /api/orders/quote", 400, "invalid",
            body='{"product": {mug}, "quantity": 1.5}'),
        ask("a quote with 10^5000", "POST /api/orders/quote", 400, "number_too_long",
            body='{"product": {mug}, "quantity": 1' + "0" * 5_000 + "}"),
        ask("a quote with a price", "POST /api/orders/quote", 400, "unknown",
            body='{"product": {mug}, "quantity": 1, "price": 1}'),
    ]


def moves() -> list[Row]:
    to = "POST /api/orders/{order}"
    return [
        ask("cancelling with a mood", f"{to}/cancel", 400, "unknown", body={"mood": "rain"}),
        ask("cancelling no lines", f"{to}/cancel", 400, "empty", body={"lines": []}),
        ask("cancelling lines that are none", f"{to}/cancel", 400, "invalid", body={"lines": [[]]}),
        ask("cancelling a line without a name", f"{to}/cancel", 400, "line_product_or_sku",
            body={"lines": [{"quantity": 1}]}),
        ask("cancelling a line by a number for its id", f"{to}/cancel", 400, "invalid",
            body={"lines": [{"line": 7, "quantity": 1}]}),
        ask("cancelling 10^5000 pieces", f"{to}/cancel", 400, "number_too_long",
            body='{"lines": [{"product": {mug}, "quantity": 1' + "0" * 5_000 + "}]}"),
        ask("cancelling a product that is not on the order", f"{to}/cancel", 400, "invalid_fulfilment",
            body={"lines": [{"sku": "NOWHERE", "quantity": 1}]}),
        ask("a shipment of no pieces", f"{to}/ship", 400, "out_of_range",
            body={"lines": [{"sku": "MUG", "quantity": 0}]}, who="staff"),
        ask("refunding one's own order", f"{to}/refunds", 403, "permission_denied", body={"amount": "1"}),
        ask("refunding nothing in particular", f"{to}/refunds", 400, "amount_or_lines", body={}, who="staff"),
        ask("refunding less than nothing", f"{to}/refunds", 400, "invalid", body={"amount": "-1"}, who="staff"),
        ask("refunding an exponent", f"{to}/refunds", 400, "invalid", body='{"amount": 1e2}', who="staff"),
        ask("refunding what was not paid", f"{to}/refunds", 409, "refund_too_large", body={"amount": "1"}, who="staff"),
        ask("the tracking of a shipment that is not there", "PATCH /api/orders/{order}/shipments/99", 404, "not_found",
            body={"tracking_number": "1"}, who="staff"),
        ask("accepting a late payment with a word", f"{to}/pay", 400, "invalid", body={"late": "yes"}, who="staff"),
        ask("cancelling somebody else's order", f"{to}/cancel", 404, "not_found", body={}, who="other"),
        ask("paying one's own order", f"{to}/pay", 403, "permission_denied", body={"reference": "x"}),
        ask("a payment reference too long", f"{to}/pay", 400, "max_length", body={"reference": "x" * 201},
            who="staff"),
        ask("a payment reference with NUL", f"{to}/pay", 400, "nul_character", body={"reference": "\0"}, who="staff"),
        ask("a payment reference that is a number", f"{to}/pay", 400, "invalid", body={"reference": 1}, who="staff"),
        ask("an amount in a payment", f"{to}/pay", 400, "unknown", body={"amount": "0.01"}, who="staff"),
        ask("shipping what is not paid", f"{to}/ship", 409, "forbidden_move", body={"carrier": "x"}, who="staff"),
        ask("delivering what is not shipped", f"{to}/deliver", 409, "forbidden_move", body={}, who="staff"),
        ask("a tracking number with a control character", f"{to}/ship", 400, "control_character",
            body={"tracking_number": "\x1b"}, who="staff"),
        ask("a move that there is not", f"{to}/expire", 404, "not_found", body={}, who="staff"),
        ask("moving an order with GET", "GET /api/orders/{order}/cancel", 405, "method_not_allowed"),
        ask("moving an order that is not there",
            "POST /api/orders/01890000-0000-7000-8000-000000000000/cancel", 404, "not_found", body={}),
    ]


def webhooks() -> list[Row]:
    address = "https://erp.shop.example/hooks"

    def new(what: str, code: str | None, *, status: int = 400, **members: Any) -> Row:
        return ask(what, "POST /api/webhooks", status, code, body={"address": address} | members, who="staff")

    return [
        new("a webhook without TLS", "not_https", address="http://erp.shop.example/"),
        new("a webhook by FTP", "not_https", address="ftp://erp.shop.example/"),
        new("a webhook to a file", "not_https", address="file:///etc/passwd"),
        new("a webhook to this machine", "private_address", address="https://localhost/"),
        new("a webhook to loopback", "private_address", address="https://127.0.0.1/"),
        new("a webhook to loopback in IPv6", "private_address", address="https://[::1]/"),
        new("a webhook to loopback mapped into IPv6", "private_address", address="https://[::ffff:127.0.0.1]/"),
        new("a webhook to loopback as a number", "private_address", address="https://2130706433/"),
        new("a webhook to the metadata service", "private_address", address="https://169.254.169.254/latest/"),
        new("a webhook to another port", "invalid_port", address="https://erp.shop.example:22/"),
        new("a webhook with a password", "invalid_address", address="https://a:b@erp.shop.example/"),
        new("a webhook to nowhere", "invalid_address", address="https://"),
        new("a webhook to half an address in IPv6", "invalid_address", address="https://[::1"),
        new("a webhook with a line end", "control_character", address=address + "\r\nX: y"),
        new("a webhook with a NUL", "nul_character", address=address + "\0"),
        new("a webhook too long", "max_length", address=address + "x" * 500),
        new("a webhook that is a number", "invalid", address=7),
        new("a webhook for an unknown type", "unknown_type", types=["order.lost"]),
        new("a webhook for types in a text", "not_a_list", types="order.placed"),
        new("a webhook for 1,000 types", "max_length", types=["order.placed"] * 1_000),
        new("a webhook from a negative position", "out_of_range", after=-1),
        new("a webhook from a position past 2^63", "out_of_range", after=2**63),
        new("a webhook with a secret of one's own", "unknown", secret="whsec_AAAA"),
        ask("a webhook of a customer's", "POST /api/webhooks", 403, "permission_denied", body={"address": address}),
        ask("a webhook that is not there", "GET /api/webhooks/99999999", 404, "not_found", who="staff"),
        ask("a webhook past 2^63", "GET /api/webhooks/99999999999999999999", 404, "not_found", who="staff"),
        ask("a test of a webhook that is not there", "POST /api/webhooks/99999999/test", 404, "not_found", who="staff"),
        ask("redelivery of nothing", "POST /api/webhooks/99999999/redeliver", 400, "required", body={}, who="staff"),
        ask("deliveries in an unknown state", "GET /api/webhooks/99999999/deliveries?state=LOST", 400, "invalid_choice",
            who="staff"),
    ]


ROWS = [
    *quantities(),
    *products_in_orders(),
    *prices(),
    *texts(),
    *categories(),
    *stock(),
    *carts_and_quotes(),
    *moves(),
    *webhooks(),
]
