from decimal import Decimal

import pytest

from products.models import Category, Event, Order, Product

PRODUCTS = "/admin/products/product/"


def page(product, name="change"):
    return f"{PRODUCTS}{product.pk}/{name}/"


def form(product, **changes):
    """Return the values of the product's page as it is now, with these changes."""
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": product.category_id or "",
        "price": str(product.price),
        "list_price": "" if product.list_price is None else str(product.list_price),
        "tax_class": product.tax_class,
    } | changes


def test_a_new_product_has_no_stock_and_an_event_by_its_creator(staff, client_of):
    kitchen = Category.objects.create(slug="kitchen", name="Kitchen")

    answer = client_of(staff).post(
        f"{PRODUCTS}add/",
        {"sku": "MUG", "name": "Mug", "category": kitchen.pk, "price": "4.50", "tax_class": "standard", "stock": "50"},
    )

    assert (answer.status_code, answer.url) == (302, PRODUCTS)
    mug = Product.objects.get()
    assert (mug.sku, mug.name, mug.category, mug.price, mug.stock) == ("MUG", "Mug", kitchen, Decimal("4.50"), 0)
    assert [(event.kind, event.by) for event in mug.events.all()] == [("product.created", staff)]


def test_a_change_writes_an_event_with_its_user(staff, client_of, a_product):
    mug = a_product(price="4.50")

    client_of(staff).post(page(mug), form(mug, price="4.80"))

    assert mug.refreshed().price == Decimal("4.80")
    event = mug.events.last()
    facts = {"fields": ["price"], "old": {"price": "4.50"}, "new": {"price": "4.80"}}
    assert (event.kind, event.by, event.facts) == ("product.changed", staff, facts)


def test_saving_without_a_change_writes_nothing(staff, client_of, a_product):
    mug = a_product()

    answer = client_of(staff).post(page(mug), form(mug))

    assert answer.status_code == 302
    assert mug.refreshed().updated_at == mug.updated_at
    assert mug.events.count() == 1


def test_a_form_opened_before_a_sale_does_not_restore_the_sold_stock(staff, client_of, alice, a_product):
    mug = a_product(stock=50, name="Mug")
    opened = form(mug, name="Large mug", stock="50")
    Order.objects.create(customer=alice, items=[(mug, 7)])

    client_of(staff).post(page(mug), opened)

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Large mug", 43)
    assert list(Product.objects.out_of_balance()) == []


def test_a_sku_taken_by_a_concurrent_request_shows_an_error(staff, client_of, messages_of, a_product, monkeypatch):
    taken = a_product(sku="MUG")
    monkeypatch.setattr(
        Product, "validate_unique", lambda *args, **kwargs: None
    )  # as if checked before the other request committed

    answer = client_of(staff).post(
        f"{PRODUCTS}add/", {"sku": "MUG", "name": "Mug", "price": "1", "tax_class": "standard"}
    )

    assert (answer.status_code, answer.url) == (302, f"{PRODUCTS}add/")
    assert messages_of(answer) == ["A product with the SKU MUG already exists."]
    assert list(Product.objects.all()) == [taken]


def test_the_page_has_no_field_for_the_stock(staff, client_of, a_product):
    mug = a_product(stock=50, name="Mug")

    html = client_of(staff).get(page(mug)).content.decode()

    assert '<div class="readonly">50</div>' in html
    assert 'name="stock"' not in html
    assert 'name="retired_at"' not in html


def test_an_invalid_product_is_rejected_field_by_field(staff, client_of):
    values = {"sku": "MUG\u200b", "name": "", "price": "-1", "tax_class": "x"}
    answer = client_of(staff).post(f"{PRODUCTS}add/", values)

    assert answer.context["adminform"].form.errors == {
        "sku": ["Remove U+200B (zero width space), which cannot be seen."],
        "name": ["This field is required."],
        "price": ["Ensure this value is greater than or equal to 0."],
        "tax_class": ["There is no such tax class; TAX_RATES has standard."],
    }
    assert Product.objects.count() == 0


def test_a_product_is_retired_and_brought_back(staff, client_of, messages_of, a_product):
    mug = a_product(stock=3, sku="MUG", name="Mug")

    retired = client_of(staff).post(page(mug, "retire"))

    assert (retired.status_code, retired.url) == (302, page(mug))
    assert messages_of(retired) == ["Mug (MUG) is no longer on sale."]
    assert (mug.refreshed().retired_at is None, mug.refreshed().stock) == (False, 3)
    assert mug.events.last().by == staff

    brought_back = client_of(staff).post(page(mug, "bring_back"))

    assert messages_of(brought_back) == ["Mug (MUG) is on sale again."]
    assert mug.refreshed().retired_at is None


def test_a_page_offers_to_retire_or_to_bring_back(staff, client_of, a_product):
    mug, lamp = a_product(), a_product()
    lamp.retire()

    assert offered(client_of(staff).get(page(mug))) == ["Receive", "Correct", "Count", "Retire"]
    assert offered(client_of(staff).get(page(lamp))) == ["Receive", "Correct", "Count", "Bring back"]


def offered(answer):
    return [action.label for action in answer.context["object_actions"]]


def test_products_are_retired_and_brought_back_in_bulk(staff, client_of, messages_of, a_product):
    mug, lamp, desk_pad = a_product(), a_product(), a_product()
    lamp.retire()
    chosen = {"_selected_action": [mug.pk, lamp.pk]}

    retired = client_of(staff).post(PRODUCTS, chosen | {"action": "retire_selected"})

    assert messages_of(retired) == ["Retire: 1 of 1."]
    assert set(Product.objects.retired()) == {mug, lamp}

    brought_back = client_of(staff).post(PRODUCTS, chosen | {"action": "bring_back_selected"})

    assert messages_of(brought_back) == ["Bring back: 2 of 2."]
    assert set(Product.objects.on_sale()) == {mug, lamp, desk_pad}


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("on_sale", ["MUG", "CUP", "LAMP"]),
        ("in_stock", ["MUG", "CUP"]),
        ("running_low", ["CUP"]),
        ("sold_out", ["LAMP"]),
        ("retired", ["VASE"]),
        ("", ["MUG", "CUP", "LAMP", "VASE"]),
    ],
)
def test_the_list_is_filtered_by_state(staff, client_of, a_product, state, found):
    a_product(sku="MUG", stock=5)
    a_product(sku="CUP", stock=2, low_stock=2)
    a_product(sku="LAMP")
    a_product(sku="VASE", stock=1, low_stock=2).retire()

    answer = client_of(staff).get(PRODUCTS, {"state": state})

    assert sorted(product.sku for product in answer.context["cl"].result_list) == sorted(found)


def test_the_list_is_filtered_by_a_category_with_its_branch(staff, client_of, a_product, a_category):
    mugs = Category.objects.create(slug="mugs", name="Mugs", parent=a_category)
    Category.objects.create(slug="art", name="Art")
    a_product(sku="MUG", category=mugs)
    a_product(sku="SPOON", category=a_category)
    a_product(sku="LAMP")

    answer = client_of(staff).get(PRODUCTS, {"category": "kitchen"})

    assert {product.sku for product in answer.context["cl"].result_list} == {"SPOON", "MUG"}
    [_, branches] = answer.context["cl"].filter_specs
    assert branches.lookup_choices == [("art", "Art"), ("kitchen", "Kitchen"), ("mugs", "– Mugs")]


def test_a_low_stock_is_said_where_the_stock_is_and_the_search_has_the_focus(staff, client_of, a_product):
    a_product(sku="CUP", stock=1_002, low_stock=2_000)
    lamp = a_product(sku="LAMP")

    shown = client_of(staff).get(PRODUCTS).content.decode()

    assert 'id="searchbar" autofocus' in shown
    assert "1002 (running low)" in shown
    assert "0 (sold out)" in shown
    assert client_of(staff).get(page(lamp, "count")).context["summary"] == "In stock: 0 (sold out)."


@pytest.mark.parametrize("name", ["change", "retire", "bring_back", "delete"])
def test_a_user_with_view_permission_cannot_change_a_product(client_of, staff_with, a_product, name):
    mug = a_product(name="Mug")

    answer = client_of(staff_with("view_product")).post(page(mug, name), form(mug, name="Large mug"))

    assert answer.status_code == 403
    assert (mug.refreshed().name, mug.refreshed().retired_at) == ("Mug", None)


def test_a_user_with_view_permission_sees_no_object_actions(client_of, staff_with, a_product):
    mug = a_product()

    answer = client_of(staff_with("view_product")).get(page(mug))

    assert (answer.status_code, offered(answer)) == (200, [])


@pytest.mark.parametrize("address", [PRODUCTS, f"{PRODUCTS}1/change/", f"{PRODUCTS}1/retire/", f"{PRODUCTS}1/receive/"])
def test_a_customer_is_redirected_to_the_login(client_of, alice, a_product, address):
    a_product()

    answer = client_of(alice).get(address)

    assert (answer.status_code, answer.url) == (302, f"/admin/login/?next={address}")


def test_markup_in_names_and_notes_is_escaped(staff, client_of, alice, a_product):
    evil = "<script>alert(1)</script>"
    mug = a_product(stock=5, sku="MUG", name=evil, description=evil)
    mug.correct(-1, note=evil, by=staff)
    order = Order.objects.create(customer=alice, items=[(mug, 1)])
    order.pay(reference=evil)
    browser = client_of(staff)

    pages = [
        PRODUCTS,
        *(page(mug, name) for name in ["change", "receive", "count", "retire", "history"]),
        f"/admin/products/order/{order.pk}/change/",
        "/admin/products/stockmovement/",
        "/admin/products/event/",
    ]
    answers = [browser.get(address) for address in pages]
    answers.append(browser.post(page(mug, "receive"), {"quantity": "1", "key": "1"}, follow=True))
    answers.append(browser.post(page(mug, "correct"), {"delta": "-99", "note": evil, "key": "2"}, follow=True))

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.request["PATH_INFO"] for answer in answers if evil in answer.content.decode()] == []


def test_the_event_of_a_bulk_action_names_its_user(staff, client_of, a_product):
    mug = a_product()

    client_of(staff).post(PRODUCTS, {"action": "retire_selected", "_selected_action": [mug.pk]})

    assert Event.objects.latest("id").by == staff


@pytest.mark.parametrize("name", ["add", "change"])
def test_a_price_that_the_currency_does_not_have_is_refused_in_the_form(staff, client_of, a_product, settings, name):
    mug = a_product(price="5.00")
    settings.CURRENCY = "JPY"
    url = f"{PRODUCTS}add/" if name == "add" else page(mug)

    answer = client_of(staff).post(url, form(mug, sku="NEW", price="705.50"))

    assert answer.context["adminform"].errors == {"price": ["An amount in JPY has no decimals."]}
    assert [product.price for product in Product.objects.all()] == [Decimal("5.00")]


def test_a_new_product_without_a_price_is_refused_in_the_form(staff, client_of, a_product):
    answer = client_of(staff).post(f"{PRODUCTS}add/", form(a_product(), sku="NEW", price=""))

    assert answer.context["adminform"].errors == {"price": ["This field is required."]}


def test_a_sku_that_is_taken_in_another_case_is_an_error_of_its_field(staff, client_of, a_product):
    a_product(sku="Größe")

    values = {"sku": "GRÖSSE", "name": "Mug", "price": "1", "tax_class": "standard"}
    answer = client_of(staff).post(f"{PRODUCTS}add/", values)

    assert answer.context["adminform"].form.errors == {"sku": ["Product with this SKU already exists."]}
    assert Product.objects.count() == 1
