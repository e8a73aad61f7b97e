from products.models import Category, Product

PRODUCTS = "/admin/products/product/"


def deletion(product):
    return f"{PRODUCTS}{product.pk}/delete/"


def test_a_product_is_not_deleted_and_has_no_button_for_it(staff, client_of, a_product):
    mug = a_product()
    browser = client_of(staff)

    page = browser.get(f"{PRODUCTS}{mug.pk}/change/")
    insisted = browser.post(deletion(mug), {"post": "yes"})

    assert deletion(mug) not in page.content.decode()
    assert insisted.status_code == 403
    assert list(Product.objects.all()) == [mug]


def test_products_cannot_be_deleted_in_bulk(staff, client_of, a_product):
    a_product()

    offered = client_of(staff).get(PRODUCTS).context["action_form"].fields["action"].choices

    assert [name for name, _ in offered] == ["", "retire_selected", "bring_back_selected"]


def test_a_category_with_products_is_protected(staff, client_of, a_category, a_product):
    a_product(category=a_category)

    answer = client_of(staff).post(f"/admin/products/category/{a_category.pk}/delete/", {"post": "yes"})

    assert (answer.status_code, len(answer.context["protected"])) == (200, 1)
    assert Category.objects.count() == 1


def offers_delete(client, path):
    return b'class="deletelink"' in client.get(path).content


def test_delete_is_offered_where_it_would_work(admin_client, alice, bob, a_category, a_product, an_order):
    a_product(category=a_category)
    an_order()  # alice's
    parent, empty = (Category.objects.create(slug=name, name=name) for name in ("parent", "empty"))
    Category.objects.create(slug="child", name="Child", parent=parent)
    rows = {
        "with products": f"products/category/{a_category.pk}",
        "with children": f"products/category/{parent.pk}",
        "empty": f"products/category/{empty.pk}",
        "customer with orders": f"auth/user/{alice.pk}",
        "customer without": f"auth/user/{bob.pk}",
    }

    offered = [name for name, row in rows.items() if offers_delete(admin_client, f"/admin/{row}/change/")]

    assert offered == ["empty", "customer without"]
