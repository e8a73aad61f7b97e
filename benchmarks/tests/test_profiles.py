from benchmarks.profiles import OTHER, shares

SITE = "/x/lib/python3.11/site-packages"
ROOT = "SlowView.get (/x/products/api/views/products.py:50)"


def test_time_belongs_to_the_innermost_step_and_the_library_works_for_its_caller():
    raw = "\n".join(
        [
            f"{ROOT};QuerySet.__iter__ ({SITE}/django/db/models/query.py:1);deepcopy (/x/lib/python3.11/copy.py:3) 50",
            f"{ROOT};CursorWrapper._execute ({SITE}/django/db/backends/utils.py:105) 20",
            f"{ROOT};JSONEncoder.iterencode (/x/lib/python3.11/json/encoder.py:258) 20",
            f"{ROOT};product_body (/x/products/api/bodies.py:20) 10",
            "_worker (/x/lib/python3.11/concurrent/futures/thread.py:81) 900",
        ]
    )

    assert shares(raw) == {
        "ORM: building SQL and models": 0.5,
        "psycopg2 and the wire": 0.2,
        "JSON: reading and writing": 0.2,
        "ours: API": 0.1,
    }


def test_what_belongs_to_nobody_is_python_itself():
    assert shares("<module> (<string>:1);main (/x/lib/python3.11/runpy.py:3) 4") == {OTHER: 1.0}
