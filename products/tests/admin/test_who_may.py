"""Permissions: what every kind of user gets from every page of the admin, and which actions they are offered.

A new page needs a row in PAGES, a new action one in ACTIONS. A test that fails prints the whole matrix as it is now:
read it before you copy it.
"""

import itertools
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver, reverse

from products.feed.sequencer import number_all_events
from products.management import roles
from products.models import (
    Address,
    ApiToken,
    BulkJob,
    Event,
    FeedEntry,
    Mail,
    Order,
    ProductImport,
    StockCheck,
    WebhookDelivery,
    WebhookEndpoint,
)

WHO = ("nobody", "customer", "trainee", "viewer", "clerk", "keeper", "manager", "superuser")
"""`nobody` has not logged in, a `customer` has without being staff, and a `trainee` is staff without a permission."""

# login: they are asked to log in (nobody reaches a page otherwise); -: both GET and POST are refused; see: GET shows
# the page, POST is refused; do: neither is refused; post: there is no GET. Anything else is the two statuses.
# The POST of a list is that of its actions, which are below. Of pages with an object, the customer's are asked for.
PAGES = """
page                                    nobody  customer   trainee    viewer     clerk    keeper   manager superuser
second_factor                            login     login        do        do        do        do        do        do
index                                    login     login        do        do        do        do        do        do
login                                       do        do        do        do        do        do        do        do
logout                                      do        do      post      post      post      post      post      post
password_change                          login     login        do        do        do        do        do        do
password_change_done                     login     login       see       see       see       see       see       see
autocomplete                             login     login   403/405   403/405       see   403/405       see       see
jsi18n                                   login     login       see       see       see       see       see       see
view_on_site                             login     login   404/404   404/404   404/404   404/404   404/404   404/404
products_address_changelist              login     login         -         -        do         -        do        do
products_address_add                     login     login         -         -         -         -         -         -
products_address_history                 login     login         -         -        do         -        do        do
products_address_delete                  login     login         -         -         -         -        do        do
products_address_change                  login     login         -         -        do         -        do        do
products_bulkjob_start                   login     login         -         -      post         -         -         -
products_bulkjob_batch                   login     login         -         -      post         -         -         -
products_bulkjob_refusals                login     login         -         -        do         -        do        do
products_bulkjob_changelist              login     login         -         -        do         -        do        do
products_bulkjob_add                     login     login         -         -         -         -         -         -
products_bulkjob_history                 login     login         -         -        do         -        do        do
products_bulkjob_delete                  login     login         -         -         -         -         -         -
products_bulkjob_change                  login     login         -         -        do         -        do        do
products_order_packing_slips             login     login         -   404/404   404/404   404/404   404/404   404/404
products_order_pick_list                 login     login         -   404/404   404/404   404/404   404/404   404/404
products_order_packing_slip              login     login         -        do        do        do        do        do
products_order_shipment_slip             login     login         -   404/404   404/404   404/404   404/404   404/404
products_order_customers                 login     login         -         -        do         -        do        do
products_order_reports                   login     login   403/405       see       see       see       see       see
products_order_report                    login     login   403/405       see       see       see       see       see
products_order_exports                   login     login   403/405       see       see       see       see       see
products_order_export                    login     login   403/405       see       see       see       see       see
products_order_pay                       login     login         -         -        do         -        do        do
products_order_pay-late                  login     login         -         -        do         -        do        do
products_order_ship                      login     login         -         -        do         -        do        do
products_order_deliver                   login     login         -         -        do         -        do        do
products_order_cancel                    login     login         -         -        do         -        do        do
products_order_return                    login     login         -         -        do         -        do        do
products_order_refund                    login     login         -         -        do         -        do        do
products_order_tracking                  login     login         -         -        do         -        do        do
products_order_changelist                login     login         -        do        do        do        do        do
products_order_add                       login     login         -         -        do         -        do        do
products_order_history                   login     login         -        do        do        do        do        do
products_order_delete                    login     login         -         -         -         -         -         -
products_order_change                    login     login         -       see       see       see       see       see
products_event_changelist                login     login         -        do        do        do        do        do
products_event_add                       login     login         -         -         -         -         -         -
products_event_history                   login     login         -        do        do        do        do        do
products_event_delete                    login     login         -         -         -         -         -         -
products_event_change                    login     login         -       see       see       see       see       see
products_productimport_apply             login     login   405/403   405/403   405/403      post      post      post
products_productimport_undo              login     login   405/403   405/403   405/403      post      post      post
products_productimport_bad               login     login         -         -         -        do        do        do
products_productimport_changelist        login     login         -         -         -        do        do        do
products_productimport_add               login     login         -         -         -        do        do        do
products_productimport_history           login     login         -         -         -        do        do        do
products_productimport_delete            login     login         -         -         -         -         -         -
products_productimport_change            login     login         -         -         -        do        do        do
products_mail_changelist                 login     login         -         -        do         -        do        do
products_mail_add                        login     login         -         -         -         -         -         -
products_mail_history                    login     login         -         -        do         -        do        do
products_mail_delete                     login     login         -         -         -         -         -         -
products_mail_change                     login     login         -         -       see         -       see       see
products_stockmovement_changelist        login     login         -        do        do        do        do        do
products_stockmovement_add               login     login         -         -         -         -         -         -
products_stockmovement_history           login     login         -        do        do        do        do        do
products_stockmovement_delete            login     login         -         -         -         -         -         -
products_stockmovement_change            login     login         -       see       see       see       see       see
products_category_changelist             login     login         -        do        do        do        do        do
products_category_add                    login     login         -         -         -         -        do        do
products_category_history                login     login         -        do        do        do        do        do
products_category_delete                 login     login         -         -         -         -        do        do
products_category_change                 login     login         -       see       see       see        do        do
products_product_sheet                   login     login         -         -         -        do        do        do
products_product_sheet_lookup            login     login         -         -         -        do        do        do
products_product_ledger                  login     login         -        do        do        do        do        do
products_product_receive                 login     login         -         -         -        do        do        do
products_product_correct                 login     login         -         -         -        do        do        do
products_product_count                   login     login         -         -         -        do        do        do
products_product_retire                  login     login         -         -         -         -        do        do
products_product_bring_back              login     login         -         -         -         -        do        do
products_product_changelist              login     login         -        do        do        do        do        do
products_product_add                     login     login         -         -         -         -        do        do
products_product_history                 login     login         -        do        do        do        do        do
products_product_delete                  login     login         -         -         -         -         -         -
products_product_change                  login     login         -       see       see       see        do        do
products_stockcheck_changelist           login     login         -        do        do        do        do        do
products_stockcheck_add                  login     login         -         -         -         -         -         -
products_stockcheck_history              login     login         -        do        do        do        do        do
products_stockcheck_delete               login     login         -         -         -         -         -         -
products_stockcheck_change               login     login         -       see       see       see       see       see
products_apitoken_changelist             login     login         -         -         -         -        do        do
products_apitoken_add                    login     login         -         -         -         -        do        do
products_apitoken_history                login     login         -         -         -         -        do        do
products_apitoken_delete                 login     login         -         -         -         -         -        do
products_apitoken_change                 login     login         -         -         -         -        do        do
auth_user_reset_second_factor            login     login         -         -         -         -        do        do
auth_user_password_change                login     login         -         -         -         -        do        do
auth_user_changelist                     login     login         -         -        do         -        do        do
auth_user_add                            login     login         -         -         -         -        do        do
auth_user_history                        login     login         -         -        do         -        do        do
auth_user_delete                         login     login         -         -         -         -         -        do
auth_user_change                         login     login         -         -       see         -        do        do
auth_group_changelist                    login     login         -         -         -         -         -        do
auth_group_add                           login     login         -         -         -         -         -        do
auth_group_history                       login     login         -         -         -         -         -        do
auth_group_delete                        login     login         -         -         -         -         -        do
auth_group_change                        login     login         -         -         -         -         -        do
products_webhookendpoint_switch_on       login     login         -         -         -         -         -        do
products_webhookendpoint_switch_off      login     login         -         -         -         -         -        do
products_webhookendpoint_test            login     login         -         -         -         -         -        do
products_webhookendpoint_rotate          login     login         -         -         -         -         -        do
products_webhookendpoint_redeliver       login     login         -         -         -         -         -        do
products_webhookendpoint_changelist      login     login         -         -         -         -         -        do
products_webhookendpoint_add             login     login         -         -         -         -         -        do
products_webhookendpoint_history         login     login         -         -         -         -         -        do
products_webhookendpoint_delete          login     login         -         -         -         -         -        do
products_webhookendpoint_change          login     login         -         -         -         -         -        do
products_webhookdelivery_redeliver       login     login         -         -         -         -         -        do
products_webhookdelivery_changelist      login     login         -         -         -         -         -        do
products_webhookdelivery_add             login     login         -         -         -         -         -         -
products_webhookdelivery_history         login     login         -         -         -         -         -        do
products_webhookdelivery_delete          login     login         -         -         -         -         -         -
products_webhookdelivery_change          login     login         -         -         -         -         -       see
app_list                                 login     login   404/404        do        do        do        do        do
"""

# The actions that a list offers for selected rows, and those that a page offers for its object.
ACTIONS = """
action                               nobody  customer   trainee    viewer     clerk    keeper   manager superuser
address: delete_selected                  -         -         -         -         -         -        do        do
category: delete_selected                 -         -         -         -         -         -        do        do
mail: send_selected_again                 -         -         -         -        do         -        do        do
webhookendpoint/switch_on                 -         -         -         -         -         -         -        do
webhookendpoint/switch_off                -         -         -         -         -         -         -        do
webhookendpoint/test                      -         -         -         -         -         -         -        do
webhookendpoint/rotate                    -         -         -         -         -         -         -        do
webhookendpoint/redeliver                 -         -         -         -         -         -         -        do
webhookendpoint: delete_selected          -         -         -         -         -         -         -        do
webhookdelivery/redeliver                 -         -         -         -         -         -         -        do
product/receive                           -         -         -         -         -        do        do        do
product/correct                           -         -         -         -         -        do        do        do
product/count                             -         -         -         -         -        do        do        do
product/retire                            -         -         -         -         -         -        do        do
product/bring_back                        -         -         -         -         -         -        do        do
product: retire_selected                  -         -         -         -         -         -        do        do
product: bring_back_selected              -         -         -         -         -         -        do        do
order/pay                                 -         -         -         -        do         -        do        do
order/pay-late                            -         -         -         -        do         -        do        do
order/ship                                -         -         -         -        do         -        do        do
order/deliver                             -         -         -         -        do         -        do        do
order/cancel                              -         -         -         -        do         -        do        do
order/return                              -         -         -         -        do         -        do        do
order/refund                              -         -         -         -        do         -        do        do
order/tracking                            -         -         -         -        do         -        do        do
order: print_pick_list                    -         -         -        do        do        do        do        do
order: print_packing_slips                -         -         -        do        do        do        do        do
order: pay_selected                       -         -         -         -        do         -        do        do
order: ship_selected                      -         -         -         -        do         -        do        do
order: deliver_selected                   -         -         -         -        do         -        do        do
order: cancel_selected                    -         -         -         -        do         -        do        do
apitoken: revoke_selected                 -         -         -         -         -         -        do        do
apitoken: delete_selected                 -         -         -         -         -         -         -        do
group: delete_selected                    -         -         -         -         -         -         -        do
user/reset_second_factor                  -         -         -         -         -         -        do        do
user: delete_selected                     -         -         -         -         -         -         -        do
"""

ARGUMENTS: dict[str, dict[str, object]] = {
    "products_order_report": {"name": "sales-by-day"},
    "products_order_export": {"name": "orders"},
    "products_order_shipment_slip": {"number": 1},
}
"""Arguments of pages that are not about an object: {page: {name in the route: value}}."""

VALUES: dict[str, dict[str, object]] = {
    "autocomplete": {"app_label": "products", "model_name": "apitoken", "field_name": "user", "term": "a"},
}
"""What is sent to a page, in the query and in the form, where nothing will not do."""


def table(text):
    """Return the rows of a matrix as {name: {who: what}}."""
    rows = [line.rsplit(maxsplit=len(WHO)) for line in text.strip().splitlines()[1:] if line]
    return {name.strip(): dict(zip(WHO, cells, strict=True)) for name, *cells in rows}


def pages(resolver=None, before=""):
    """Return the routes of the admin by name, without Django's own that have none: they redirect, or are no page."""
    if resolver is None:
        [resolver] = [each for each in get_resolver().url_patterns if getattr(each, "app_name", None) == "admin"]
    found = {}
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found |= pages(entry, route)
        elif entry.name:
            found[entry.name] = route
        else:
            assert route.endswith(("/<path:object_id>/", "(?P<url>.*)$")), f"{route} has no name"
    return found


@pytest.fixture
def shop(db, a_product, a_category):
    """One user of each kind, logged in, and one row of everything."""
    roles.create()
    people = {name: User.objects.create_user(name, is_staff=name != "customer") for name in WHO[1:]}
    for name, role in {"viewer": "Viewer", "clerk": "Clerk", "keeper": "Stock keeper", "manager": "Manager"}.items():
        people[name].groups.add(Group.objects.get(name=role))
    User.objects.filter(username="superuser").update(is_superuser=True)
    people["superuser"].refresh_from_db()
    clients = {name: Client() for name in WHO}
    for name, person in people.items():
        clients[name].force_login(person)
    customer, mug = people["customer"], a_product(sku="MUG", stock=9)
    order, _ = Order.objects.place_once(customer=customer, items=[(mug, 1)])
    address = {"name": "Alice", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
    rows = [
        customer,
        mug,
        order,
        a_category,
        Address.objects.create(customer=customer, **address),
        ApiToken.objects.issue(customer)[0],
        Event.objects.first(),
        mug.movements.first(),
        Group.objects.first(),
        ProductImport.objects.create(name="goods.csv"),
        BulkJob.objects.draw_up("pay", Order.objects.all(), by=people["clerk"]),
        Mail.objects.create(event=order.events.get(), kind="refund", state="failed", recipient="a@example.com"),
        StockCheck.objects.create(seconds=1, products=1, orders=1, differences=0),
    ]
    number_all_events()
    endpoint = WebhookEndpoint.objects.create(address="https://10.0.0.1/hooks", seed="seed", position=0)
    rows += [endpoint, WebhookDelivery.objects.create(endpoint=endpoint, entry=FeedEntry.objects.first())]
    objects = {f"{row._meta.app_label}/{row._meta.model_name}": row.pk for row in rows}
    return SimpleNamespace(people=people, clients=clients, objects=objects, customer=customer)


def path_of(name, route, shop):
    """Return a path of this page, with the rows of the shop in the places that its route leaves open."""
    about = next((pk for model, pk in shop.objects.items() if f"/{model}/" in f"/{route}"), None)
    types = ContentType.objects.get_for_model(User)
    known = ARGUMENTS.get(name, {}) | {"content_type_id": types.pk, "object_id": about or shop.customer.pk}
    known |= {"id": about, "pk": about, "job_id": about}
    resolved = route.replace("^(?P<app_label>products|auth)/$", "products/")
    for argument, value in known.items():
        for converter in ("path:", "int:", "uuid:", "str:", "slug:", ""):
            resolved = resolved.replace(f"<{converter}{argument}>", str(value))
    assert not set("<(") & set(resolved), f"Nothing is known for the arguments of {route}; name it in ARGUMENTS"
    return reverse("admin:index") + resolved


def ask(client, method, path, values):
    """Return what the client gets, in a word or as a status; what it does is undone."""
    before = client.cookies.copy()
    with transaction.atomic():
        response = getattr(client, method)(path, values)
        transaction.set_rollback(True)
    client.cookies = before
    if response.status_code == 302 and "/login/?next=" in response["Location"]:
        return "login"
    return "ok" if response.status_code < 400 else response.status_code


def in_one_word(get, post):
    words = {("login", "login"): "login", (403, 403): "-", ("ok", 403): "see", ("ok", 405): "see", ("ok", "ok"): "do"}
    return words.get((get, post)) or ("post" if (get, post) == (405, "ok") else f"{get}/{post}")


def printed(rows):
    width = max(map(len, rows), default=0)
    lines = [f"{name:{width}}  " + " ".join(f"{cells[who]:>9}" for who in WHO).rstrip() for name, cells in rows.items()]
    return "\n".join(["", f"{'':{width}}  " + " ".join(f"{who:>9}" for who in WHO), *lines])


def test_everybody_gets_from_every_page_what_is_theirs(shop):
    client_of, found = shop.clients, {}

    for name, route in pages().items():
        path, values = path_of(name, route, shop), VALUES.get(name, {})
        found[name] = {
            who: in_one_word(*(ask(client_of[who], method, path, values) for method in ("get", "post"))) for who in WHO
        }

    assert found == table(PAGES), printed(found)


def test_everybody_is_offered_the_actions_that_are_theirs(shop):
    found = {}

    for model, who in itertools.product(filter(admin.site.is_registered, apps.get_models()), WHO[2:]):
        model_admin = admin.site.get_model_admin(model)
        request = RequestFactory().get("/")
        request.user = User.objects.get(pk=shop.people[who].pk)
        offered = [f"{model._meta.model_name}: {name}" for name in model_admin.get_actions(request)]
        for action in getattr(model_admin, "object_actions", ()):
            row = f"{model._meta.model_name}/{action.name}"
            found.setdefault(row, dict.fromkeys(WHO, "-"))[who] = "do" if action.is_permitted(request.user) else "-"
        for row in offered:
            found.setdefault(row, dict.fromkeys(WHO, "-"))[who] = "do"

    assert found == table(ACTIONS), printed(found)
