"""The pages for importing products: read a file, look at what it would change, apply it, undo it."""

import codecs
import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from products.imports import product_changes
from products.models import ImportState, Product, ProductImport

pytestmark = pytest.mark.django_db

ADD = reverse("admin:products_productimport_add")
GOOD = "sku,name,price,stock\nMUG,Mug,5,7\nBOWL,Bowl,3,2\n"
BAD = GOOD + ",Nameless,1,1\nLAMP,=Lamp,x,1\n"


def a_file(text, name="june.csv"):
    return SimpleUploadedFile(name, text.encode())


def upload(client, text, **fields):
    return client.post(ADD, {"file": a_file(text), "encoding": "utf-8"} | fields, follow=True)


def page_of(batch, page="change"):
    return reverse(f"admin:products_productimport_{page}", args=[batch.pk])


@pytest.fixture
def client(client_of, staff):
    return client_of(staff)


@pytest.fixture
def batch(client, a_product):
    """An import of a changed, a new and two bad products, which was read and not yet applied."""
    a_product(sku="MUG", name="Mug", price="4.50", stock=5)
    upload(client, BAD, note="June")
    return ProductImport.objects.get()


def test_a_file_is_shown_as_what_it_would_change_and_changes_nothing_yet(client, batch, staff):
    page = client.get(page_of(batch), {"rows": "changed"})

    assert (batch.by, batch.note, batch.name, batch.state) == (staff, "June", "june.csv", ImportState.READ)
    content = page.content.decode()
    for shown in ("Nothing has been changed yet.", "<del>4.50</del> → ", "<ins>5.00</ins>", "Bad: 2", "New: 1"):
        assert shown in content
    assert Product.objects.get().stock == 5


def test_the_bad_rows_come_first_and_as_a_file_to_mend(client, batch):
    page = client.get(page_of(batch)).content.decode()
    answer = client.get(page_of(batch, "bad"))

    assert "sku: it is missing." in page
    assert answer["Content-Disposition"] == f'attachment; filename="import-{batch.pk}-bad.csv"'
    assert answer.content.startswith(codecs.BOM_UTF8)
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) == [
        ["reason", "sku", "name", "price", "stock"],
        ["sku: it is missing.", "", "Nameless", "1", "1"],
        ["price: 'x' is no number such as 12.50, without a sign and with a point.", "LAMP", "'=Lamp", "x", "1"],
    ]

    mended = answer.content.decode().replace(",x,", ",2,")
    upload(client, mended)

    assert [(row.sku, row.changes.get("name")) for row in ProductImport.objects.first().rows.all()] == [
        ("", None),
        ("LAMP", [None, "=Lamp"]),
    ]


def test_it_is_applied_in_steps_by_a_button_or_by_a_script_and_undone(client, batch, monkeypatch):
    monkeypatch.setattr(product_changes, "SET", 1)

    first = client.post(page_of(batch, "apply"))
    stopped = client.get(page_of(batch)).content.decode()
    second = client.post(page_of(batch, "apply"), headers={"Accept": "application/json"}).json()
    last = client.post(page_of(batch, "apply"), headers={"Accept": "application/json"}).json()

    assert first["Location"] == page_of(batch) + "#run"
    assert "Not finished." in stopped
    assert 'value="Continue"' in stopped
    counts = {"refused": 0, "undone": 0, "kept": 0, "waiting": 0, "total": 2}
    assert second == counts | {"applied": 2, "done": 2, "finished": False}
    assert last == counts | {"applied": 2, "done": 2, "finished": True}
    assert sorted(Product.objects.values_list("sku", "stock")) == [("BOWL", 2), ("MUG", 7)]

    for _ in range(3):
        client.post(page_of(batch, "undo"))

    assert sorted(Product.objects.values_list("sku", "stock")) == [("BOWL", 0), ("MUG", 5)]
    page = client.get(page_of(batch)).content.decode()
    assert ", undone on " in page
    assert "Undo this import" not in page


def test_an_import_that_is_over_is_left_alone_with_a_sentence(client, batch, messages_of):
    for step in ("apply", "apply", "undo", "undo"):
        client.post(page_of(batch, step))

    answer = client.post(page_of(batch, "undo"), follow=True)

    assert messages_of(answer) == ["This import is undone, so it cannot be undone."]


def test_a_page_costs_the_same_however_many_rows_there_are(client, django_assert_max_num_queries):
    counts = []
    for number in (3, 300):
        upload(client, "sku,name,price\n" + "".join(f"P{each},P,1\n" for each in range(number)))
        with django_assert_max_num_queries(12) as made:
            page = client.get(page_of(ProductImport.objects.first()))
        counts.append(len(made))

    assert counts[0] == counts[1]
    assert "Page 1 of 3" in page.content.decode()


def test_the_same_file_twice_is_pointed_out(client, batch):
    client.post(page_of(batch, "apply"))
    client.post(page_of(batch, "apply"))

    again = upload(client, BAD).content.decode()

    assert "This same file was applied before" in again


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prize,name\n1,Mug\n", "The first row names the columns"),
        ("sku,prize\n1,Mug\n", "Unknown columns: &#x27;prize&#x27;."),
        ("", "The submitted file is empty."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(client, text, sentence):
    page = upload(client, text).content.decode()

    assert sentence in page
    assert not ProductImport.objects.exists()


def test_a_file_that_is_too_large_is_refused_with_a_sentence(client, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000

    page = upload(client, "sku\n" + "x" * 2_000).content.decode()

    assert "The file is larger than 10 MB." in page
    assert not ProductImport.objects.exists()


def test_a_note_that_cannot_be_kept_is_refused(client):
    assert "Control characters cannot be printed" in upload(client, GOOD, note="a\x01b").content.decode()


def test_markup_in_a_file_is_shown_and_not_run(client):
    page = upload(client, "sku,name,price\nX,<script>alert(1)</script>,1\n,<img onerror=x>,\n").content.decode()
    page += client.get(page_of(ProductImport.objects.get()), {"rows": "new"}).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_get_changes_nothing(client, batch):
    assert [client.get(page_of(batch, step)).status_code for step in ("apply", "undo")] == [405, 405]
    assert client.get(reverse("admin:products_productimport_change", args=[999])).status_code == 404


def test_who_may_not_import_sees_none_of_it(client_of, staff_with, batch):
    clerk = client_of(staff_with("view_product", "change_order"))

    pages = [ADD, page_of(batch), page_of(batch, "bad"), reverse("admin:products_productimport_changelist")]

    assert [clerk.get(page).status_code for page in pages] == [403] * 4
    assert [clerk.post(page_of(batch, step)).status_code for step in ("apply", "undo")] == [403, 403]
    assert Product.objects.count() == 1


def test_who_may_only_change_products_applies_no_stock(client_of, staff_with, batch):
    clerk = client_of(staff_with("change_product"))

    refused = upload(clerk, GOOD).content.decode()

    assert "which you may not adjust" in refused
    assert clerk.post(page_of(batch, "apply")).status_code == 403
    assert clerk.get(reverse("admin:products_productimport_changelist")).status_code == 200


def test_a_parameter_that_no_column_holds_is_a_bad_request(client_of, staff):
    lists = [reverse(f"admin:products_{name}_changelist") for name in ("productimport", "order", "product")]

    answers = [client_of(staff).get(path, {"state": "\0"}) for path in lists]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
