from products.models import Category, Order, Product

PRODUCTS = "/admin/products/product/"


def deletion(product):
    return f"{PRODUCTS}{product.pk}/delete/"


def test_a_product_with_a_history_cannot_be_deleted_and_the_page_says_why(staff, client_of, alice, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")
    Order.objects.create(customer=alice, items=[(mug, 1)])

    asked = client_of(staff).get(deletion(mug))
    insisted = client_of(staff).post(deletion(mug), {"post": "yes"})

    why = ["Mug (MUG): 1 order lines", "Mug (MUG): 2 stock movements", "Mug (MUG): 2 events"]
    assert (asked.status_code, asked.context["protected"]) == (200, why)
    assert (insisted.status_code, insisted.context["protected"]) == (200, why)
    assert list(Product.objects.all()) == [mug]


def test_a_product_without_history_can_be_deleted(staff, client_of):
    [stray] = Product.objects.bulk_create([Product(sku="STRAY", name="Never written through save()", price=1)])

    answer = client_of(staff).post(deletion(stray), {"post": "yes"})

    assert (answer.status_code, answer.url) == (302, PRODUCTS)
    assert Product.objects.count() == 0


def test_products_cannot_be_deleted_in_bulk(staff, client_of, a_product):
    a_product()

    offered = client_of(staff).get(PRODUCTS).context["action_form"].fields["action"].choices

    assert [name for name, _ in offered] == ["", "retire_selected", "bring_back_selected"]


def test_a_category_with_products_is_protected(staff, client_of, a_category, a_product):
    a_product(category=a_category)

    answer = client_of(staff).post(f"/admin/products/category/{a_category.pk}/delete/", {"post": "yes"})

    assert (answer.status_code, len(answer.context["protected"])) == (200, 1)
    assert Category.objects.count() == 1
