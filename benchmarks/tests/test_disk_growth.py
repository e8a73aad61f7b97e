from benchmarks import disk_growth


def test_each_table_has_what_each_step_adds_and_the_sum_is_below():
    steps = [
        {"products_order": 600.4, "products_event": 250},
        {},
        {"products_event": 1_000},
        {"products_orderline": 218},
    ]

    table = disk_growth.report(steps, 1_000).splitlines()

    assert table[0] == "Bytes for each order, of 1,000 orders"
    assert table[4:] == [
        "| `products_event` | 250 | 0 | 1,000 | 0 |",
        "| `products_order` | 600 | 0 | 0 | 0 |",
        "| `products_orderline` | 0 | 0 | 0 | 218 |",
        "| all | 850 | 0 | 1,000 | 218 |",
    ]
