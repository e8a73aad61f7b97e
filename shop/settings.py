"""All settings. A fresh clone runs in development; DEBUG=false is production and requires its secrets.

docs/configuration.md lists what an operator can set, with units and defaults.
"""

import re
from decimal import Decimal
from pathlib import Path

from django.conf import global_settings

from products import currencies
from products.db import replica as replicas  # A capital name would be a setting.
from shop import email_url
from shop.db import engines, url
from shop.env import Environment
from shop.observability import logging

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Development or production -------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=True)

SECRET_KEY = env.secret_key(
    "SECRET_KEY",
    default="laptop only: every clone of Shop has this key, so it protects nothing",
    required=not DEBUG,
)

# The keys before it: signatures made with them are still accepted.
SECRET_KEY_FALLBACKS = env.optional_secrets("SECRET_KEY_FALLBACKS", minimum=50)

ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"],
    pattern=r"\*|\.?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]",
    expected="host names separated by commas, without https:// and without a port",
    required=not DEBUG,
)

# --- Apps and middleware ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "products.apps.ProductsConfig",  # First, as it replaces a command and a receiver of django.contrib.auth.
    "shop.apps.ShopAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "shop.middleware.RequestIdMiddleware",  # First, so that every response and every log line has its id.
    "shop.middleware.ContentLengthMiddleware",
    "shop.observability.access_log.AccessLogMiddleware",
    "shop.ambiguous_requests.RejectAmbiguousRequests",
    # Around all middleware that answers requests itself, so that files and rejections have their headers too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "shop.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "shop.health.Health",  # Before the host is checked: probes use an address.
    "shop.middleware.DatabaseMiddleware",  # Around everything that queries the database.
    "shop.middleware.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "shop.middleware.CsrfViewMiddleware",
    "shop.middleware.AuthenticationMiddleware",
    "shop.middleware.OTPMiddleware",
    "shop.middleware.MessageMiddleware",
]

# gunicorn takes it off each request's path; Django puts it before each address that it makes.
script_name = env.text(
    "SCRIPT_NAME",
    default="",
    pattern=r"(/[A-Za-z0-9._~-]+)+",
    expected="a path such as /shop, without a slash at its end",
)
FORCE_SCRIPT_NAME = script_name or None

ROOT_URLCONF = "shop.urls"
# CSP, links and cookies follow it; a proxy that knows the admin's path has to be told (deploy/nginx/README.md).
ADMIN_URL = env.text(
    "ADMIN_URL",
    default="admin/",
    pattern=r"(?!(api|api-token-auth|health|metrics|static)/)([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)+",
    expected=(
        "a path such as back-office/, with a slash at its end and none at its beginning, and not below api/, "
        "api-token-auth/, health/, metrics/ or static/"
    ),
)
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # The operator's templates, such as templates/mail/refund.txt, come before the shop's own.
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------------------

database = env.database("DATABASE_URL", default="sqlite:///db.sqlite3", required=not DEBUG)
conn_max_age = env.integer("CONN_MAX_AGE_SECONDS", default=600, maximum=86_400)
statement_timeout = env.integer("STATEMENT_TIMEOUT_SECONDS", default=4, maximum=86_400)
API_DEADLINE = env.integer("API_DEADLINE_SECONDS", default=5, maximum=3_600)
PAGE_DEADLINE = env.integer("PAGE_DEADLINE_SECONDS", default=30, maximum=3_600)
behind_pgbouncer = env.boolean("BEHIND_PGBOUNCER", default=False)
replica = env.optional_database("DATABASE_REPLICA_URL")
REPLICA_MAX_LAG = env.integer("REPLICA_MAX_LAG_SECONDS", default=10, minimum=1, maximum=86_400)
if 1 in (API_DEADLINE, PAGE_DEADLINE) or 2 in (API_DEADLINE, PAGE_DEADLINE):
    env.add_error("A deadline below 3 s has no time to connect to the database; write 3 or more, or 0 for none.")

if database["ENGINE"] == url.SQLITE:
    if database["NAME"] != ":memory:":
        database["NAME"] = BASE_DIR / database["NAME"]  # not the current directory
    elif not DEBUG:
        env.add_error(
            "DATABASE_URL names a database in memory, which forgets every order; write sqlite:////path/to/file."
        )
    database = engines.sqlite(database)
else:
    database = engines.postgresql(database, statement_timeout=statement_timeout, behind_pgbouncer=behind_pgbouncer)

DATABASES = {
    # SQLite's too: closing the last connection checkpoints the WAL, which takes longer than an order.
    "default": database | {"CONN_MAX_AGE": conn_max_age},
}

if replica:
    if database["ENGINE"] == url.SQLITE:
        env.add_error("DATABASE_REPLICA_URL is for PostgreSQL, and DATABASE_URL names SQLite; remove it.")
    replica = engines.postgresql(replica, statement_timeout=statement_timeout, behind_pgbouncer=behind_pgbouncer)
    DATABASES[replicas.REPLICA] = replica | {"CONN_MAX_AGE": conn_max_age, "TEST": {"MIRROR": "default"}}
    DATABASE_ROUTERS = ["shop.db.replica.ReplicaRouter"]
    MIDDLEWARE.insert(MIDDLEWARE.index("shop.middleware.ApiMiddleware") + 1, "shop.middleware.ReplicaMiddleware")

# --- Business rules -------------------------------------------------------------------------------------

CURRENCY = env.text(
    "CURRENCY",
    default="EUR",
    pattern="|".join(currencies.USABLE),
    expected="the ISO 4217 code of a currency, such as EUR",
)
PRICE_DECIMALS = env.optional_integer("PRICE_DECIMALS", maximum=currencies.MAX_DECIMALS)
PRICES_INCLUDE_TAX = env.boolean("PRICES_INCLUDE_TAX", default=True)
TAX_RATES = env.percentages("TAX_RATES", default={}, needed="standard")
SHIPPING_TAX_CLASS = env.text(
    "SHIPPING_TAX_CLASS", default="standard", pattern=r"[a-z][a-z0-9_-]{0,29}", expected="a class of TAX_RATES"
)
if TAX_RATES and SHIPPING_TAX_CLASS not in TAX_RATES:
    env.add_error(f"SHIPPING_TAX_CLASS is {SHIPPING_TAX_CLASS!r}; write one of the classes in TAX_RATES.")
SHIPPING_FEE = env.amount("SHIPPING_FEE", default=Decimal(0), digits=currencies.decimals(CURRENCY))
FREE_SHIPPING_FROM = env.optional_amount("FREE_SHIPPING_FROM", digits=currencies.decimals(CURRENCY))
PAY_WITHIN = env.optional_minutes("PAY_WITHIN_MINUTES", minimum=1, maximum=525_600)
ORDER_REQUIRES = env.names(
    "ORDER_REQUIRES",
    default=[],
    pattern="reference|email|phone|ship_to",
    expected="some of reference, email, phone and ship_to, separated by commas",
)
LOW_STOCK = env.optional_integer("LOW_STOCK", maximum=1_000_000_000)
TOKEN_LIFETIME = env.days("TOKEN_LIFETIME_DAYS", default=30, minimum=1, maximum=3_650)
# Requests that wait for an event in each worker process; each occupies one of its threads.
EVENT_WAITERS = env.integer("EVENT_WAITERS", default=1, minimum=0, maximum=256)
# The database itself refuses to delete events younger than 30 days.
EVENT_RETENTION = env.days("EVENT_RETENTION_DAYS", default=730, minimum=30, maximum=36_500)
IMPORT_RETENTION = env.days("IMPORT_RETENTION_DAYS", default=90, minimum=1, maximum=36_500)
BULK_JOB_RETENTION = env.days("BULK_JOB_RETENTION_DAYS", default=90, minimum=1, maximum=3_650)
WEBHOOK_ALLOWED_HOSTS = env.names(
    "WEBHOOK_ALLOWED_HOSTS",
    default=[],
    pattern=r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]",
    expected="host names or IP addresses separated by commas, without https:// and without a port",
)
WEBHOOK_TIMEOUT = env.integer("WEBHOOK_TIMEOUT_SECONDS", default=10, minimum=1, maximum=60)
# Three days; a little more or less is drawn for each attempt.
WEBHOOK_RETRIES = env.integers(
    "WEBHOOK_RETRY_SECONDS", default=[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 72_000], maximum=604_800
)
WEBHOOK_LOG_RETENTION = env.days("WEBHOOK_LOG_DAYS", default=30, minimum=1, maximum=3_650)
CATALOGUE_IS_PUBLIC = env.boolean("CATALOGUE_IS_PUBLIC", default=False)
CATALOGUE_MAX_AGE = env.integer("CATALOGUE_MAX_AGE_SECONDS", default=0, maximum=86_400)
if CATALOGUE_MAX_AGE and not CATALOGUE_IS_PUBLIC:
    env.add_error("CATALOGUE_MAX_AGE_SECONDS is for a public catalogue; write CATALOGUE_IS_PUBLIC=true, or remove it.")
LIST_OUT_OF_STOCK = env.boolean("LIST_OUT_OF_STOCK", default=True)

# --- Mail -----------------------------------------------------------------------------------------------------

MAIL_NOTICES = env.boolean("MAIL_NOTICES", default=False)
MAIL_LANGUAGE = env.text(
    "MAIL_LANGUAGE",
    default="en",
    pattern="|".join(code for code, _ in global_settings.LANGUAGES),
    expected="the code of a language that Django knows, such as en or de",
)
DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL",
    default="shop@localhost",
    pattern=r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+|[^<>@\",;:\\()\[\]\x00-\x1f\x7f]+ <[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+>",
    expected="an address such as orders@shop.example or Shop <orders@shop.example>",
)
mail_server = env.mail_server("EMAIL_URL", default="console:")
EMAIL_BACKEND = mail_server.backend
EMAIL_HOST, EMAIL_PORT = mail_server.host, mail_server.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = mail_server.user, mail_server.password
EMAIL_USE_TLS, EMAIL_USE_SSL = mail_server.starts_tls, mail_server.is_tls
EMAIL_FILE_PATH = mail_server.folder
# For each step of the dialogue. All of them together take less than the lease of a mail (products.models.mail).
EMAIL_TIMEOUT = 10
if MAIL_NOTICES and not DEBUG and ("localhost" in DEFAULT_FROM_EMAIL or EMAIL_BACKEND == email_url.CONSOLE):
    env.add_error(
        "MAIL_NOTICES=true needs a mail server and a sender; write EMAIL_URL=smtp+tls://user:password@host:587 and "
        "DEFAULT_FROM_EMAIL=Shop <orders@shop.example>."
    )

# --- The API --------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["products.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["products.api.throttling.RequestsPerMinute"],
    "DEFAULT_PARSER_CLASSES": ["products.api.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "products.api.http.negotiation.ContentNegotiation",
    "DEFAULT_METADATA_CLASS": "products.api.http.metadata.Metadata",
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "products.api.openapi.ShopSchema",
    "EXCEPTION_HANDLER": "products.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # Clients choose the format in Accept; `?format=` is an unknown parameter.
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Shop",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": script_name or "/"}],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "products.api.schemas.orders.LISTED_STATUSES",
        "OrderStatusOrCart": "products.models.Status",
        "WebhookDeliveryState": "products.api.schemas.webhooks.STATES",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "PATH_CONVERTER_OVERRIDES": {"int": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1}},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "products.api.openapi.forms.split",
        "products.api.openapi.hooks.complete",
    ],
}

# --- Passwords ------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "shop.password_hashers.Argon2",
    # Passwords stored with these still work, and are rehashed with Argon2 at the next login.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        # NIST SP 800-63B-4: the minimum for a password that is the only factor.
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Limits ---------------------------------------------------------------------------------------------------

LOGINS_PER_NAME = env.integer("LOGINS_PER_NAME", default=10, maximum=1_000_000)
LOGINS_PER_ADDRESS = env.integer("LOGINS_PER_ADDRESS", default=100, maximum=1_000_000)
LOGIN_WINDOW = env.minutes("LOGIN_WINDOW_MINUTES", default=15, minimum=1, maximum=1_440)
REQUESTS_PER_MINUTE = env.integer("REQUESTS_PER_MINUTE", default=1_200, maximum=1_000_000)

AUTHENTICATION_BACKENDS = ["products.auth.RateLimitedBackend"]
LOGIN_REDIRECT_URL = "admin:index"
ADMIN_REQUIRES_TOTP = env.boolean("ADMIN_REQUIRES_TOTP", default=False)
OTP_TOTP_ISSUER = "Shop"

# --- Other origins ---------------------------------------------------------------------------------------------

CORS_ALLOWED_ORIGINS = env.names(
    "CORS_ALLOWED_ORIGINS",
    default=[],
    pattern=r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?",
    expected="origins in lower case separated by commas, such as https://front.example.com",
)
if CORS_ALLOWED_ORIGINS:  # Without origins, the middleware is not installed.
    INSTALLED_APPS.insert(0, "corsheaders")
    # Before everything that answers for the API, so that its errors are readable too; after the security headers.
    MIDDLEWARE.insert(MIDDLEWARE.index("shop.health.Health"), "corsheaders.middleware.CorsMiddleware")
CORS_URLS_REGEX = r"^/api(/|-token-auth|$)"
# No cookies: the API knows only the Authorization header, which a script sets itself.
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
]

# --- Security -------------------------------------------------------------------------------------------------

TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", default=0, maximum=10)
if TRUSTED_PROXIES:
    # Without a trusted proxy, any client could send this header and pass plain HTTP off as HTTPS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CSRF_TRUSTED_ORIGINS = env.names(
    "CSRF_TRUSTED_ORIGINS",
    default=[],
    pattern=r"https?://[^/\s]+",
    expected="origins separated by commas, such as https://shop.example.com",
)

# Over plain HTTP the API refuses requests (shop.middleware.ApiMiddleware) and pages redirect: a browser's first request
# carries no secret, a program's does.
HTTPS_ONLY = env.boolean("HTTPS_ONLY", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [
    f"^{re.escape(script_name.removeprefix('/') + '/' if script_name else '')}{path}"
    for path in (r"api(?!/docs/?$)(/|-token-auth|$)", r"(health|metrics)(/|$)")
]

hsts_seconds = env.integer("HSTS_SECONDS", default=31_536_000, maximum=63_072_000)
SECURE_HSTS_SECONDS = 0 if DEBUG else hsts_seconds
SESSION_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_AGE = 43_200  # 12 hours: staff log in once a shift
CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True
if not DEBUG:
    # Browsers accept a cookie with this prefix only over HTTPS and only from this host, not from its other subdomains.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

SILENCED_SYSTEM_CHECKS = [
    # Subdomains and the browsers' preload list are the domain owner's decision.
    "security.W005",
    "security.W021",
    # The check looks for Django's CsrfViewMiddleware by name; shop.middleware has a subclass.
    "security.W003",
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
ORDER_BODY_MAX_SIZE = 1_048_576  # of a body that may have the lines of an order; deploy/nginx/shop.conf has both
# Uploads stay in memory, as the file system is read-only; of a larger one nothing is kept. nginx lets through as much.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 10_485_760
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4_100  # a return of 2,000 lines, the most of an order, with two fields each

# --- Language and time ----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------------------------

STATIC_URL = f"{script_name}/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

# Explicit, because the defaults follow settings.DEBUG, which test runners switch off.
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_USE_FINDERS = True  # In production too: pages must not depend on collectstatic having been run.
WHITENOISE_ALLOW_ALL_ORIGINS = False  # Other sites do not use the shop's files.

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "shop.static_files.StaticFilesStorage"
        ),
    },
}

# --- Logs -----------------------------------------------------------------------------------------------------

LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])

LOGGING = logging.config(level=LOG_LEVEL, as_json=not DEBUG)

# --- Metrics --------------------------------------------------------------------------------------------------

METRICS_TOKEN = env.optional_secret("METRICS_TOKEN", minimum=32)

env.raise_errors()
