"""The settings of a project that uses the shop's models and nothing else of it: no API, no admin."""

import os
from datetime import timedelta
from decimal import Decimal

SECRET_KEY = "only for tests, which protect nothing"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "products", "picking"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# PostgreSQL where libpq's variables name one, else SQLite in memory.
if "PGHOST" in os.environ:
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

# What the models ask of any project.
CURRENCY = "EUR"
PRICE_DECIMALS = None
PRICES_INCLUDE_TAX = True
TAX_RATES: dict[str, Decimal] = {}
SHIPPING_TAX_CLASS = "standard"
SHIPPING_FEE = Decimal(0)
FREE_SHIPPING_FROM = None
PAY_WITHIN = None
LOW_STOCK = None
ORDER_REQUIRES: list[str] = []
TOKEN_LIFETIME = timedelta(days=30)
EVENT_RETENTION = timedelta(days=730)
IMPORT_RETENTION = timedelta(days=90)
