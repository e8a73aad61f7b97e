"""All settings, in chapters. A bare clone is a laptop; DEBUG=false is production and starts only with its secrets.

What an operator can set, and its unit and default, stands in docs/configuration.md.
"""

from pathlib import Path

from shop import database_url, databases, logs
from shop.env import Environment

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Laptop or production -------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=True)

SECRET_KEY = env.secret_key(
    "SECRET_KEY",
    default="laptop only: every clone of Shop has this key, so it protects nothing",
    required=not DEBUG,
)

ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"],
    pattern=r"\*|\.?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]",
    wish="host names separated by commas, without https:// and without a port",
    required=not DEBUG,
)

# --- What it is made of ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "products.apps.ProductsConfig",  # Before django.contrib.auth, whose `changepassword` it replaces.
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "shop.middleware.RequestId",  # First, so that every answer and every log line has its id.
    "shop.request_log.RequestLog",
    "shop.api_door.ApiDoor",  # From here the API's requests go straight to the views.
    # Outside of all that answers by itself, so that files and refusals have their headers too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "shop.security.ContentPolicy",
    "django.middleware.security.SecurityMiddleware",
    "shop.health.Health",  # Before whatever looks at the host or at who is asking.
    "shop.middleware.DatabaseDeadline",  # Around everything that asks the database.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.middleware.SlashOptional",
    "shop.security.Sessions",
    "django.middleware.common.CommonMiddleware",
    "shop.security.Forms",
    "shop.security.Users",
    "shop.security.Messages",
    "shop.api_door.views",  # Last: the other end of the door's way.
]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
conn_max_age = env.whole("CONN_MAX_AGE_SECONDS", default=600, at_most=86_400)
statement_timeout = env.whole("STATEMENT_TIMEOUT_SECONDS", default=4, at_most=86_400)
API_DEADLINE = env.whole("API_DEADLINE_SECONDS", default=5, at_most=3_600)
PAGE_DEADLINE = env.whole("PAGE_DEADLINE_SECONDS", default=30, at_most=3_600)
behind_pgbouncer = env.boolean("BEHIND_PGBOUNCER", default=False)
if 1 in (API_DEADLINE, PAGE_DEADLINE) or 2 in (API_DEADLINE, PAGE_DEADLINE):
    env.refuse("A deadline below 3 s has no time to connect to the database; write 3 or more, or 0 for none.")

if database["ENGINE"] == database_url.SQLITE:
    if database["NAME"] != ":memory:":
        database["NAME"] = BASE_DIR / database["NAME"]  # and not below wherever the process was started
    elif not DEBUG:
        env.refuse("DATABASE_URL names a database in memory, which forgets every order; write sqlite:////path/to/file.")
    database = databases.sqlite(database)
else:
    database = databases.postgresql(database, statement_timeout=statement_timeout, behind_pgbouncer=behind_pgbouncer)

DATABASES = {
    # SQLite's connections are kept as well: closing the last one writes its log back, which takes longer than an order.
    "default": database | {"CONN_MAX_AGE": conn_max_age},
}

# --- The shop's own rules -------------------------------------------------------------------------------------

CURRENCY = env.text("CURRENCY", default="EUR", pattern="[A-Z]{3}", wish="an ISO 4217 code such as EUR")
PAY_WITHIN = env.minutes_if_set("PAY_WITHIN_MINUTES", at_least=1, at_most=525_600)
TOKEN_LIFETIME = env.days("TOKEN_LIFETIME_DAYS", default=30, at_least=1, at_most=3_650)
# The database itself refuses to delete events younger than 30 days.
EVENT_RETENTION = env.days("EVENT_RETENTION_DAYS", default=730, at_least=30, at_most=36_500)
CATALOGUE_IS_PUBLIC = env.boolean("CATALOGUE_IS_PUBLIC", default=False)
LIST_OUT_OF_STOCK = env.boolean("LIST_OUT_OF_STOCK", default=True)

# --- The API --------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["products.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["products.api.throttling.RequestsPerMinute"],
    "DEFAULT_PARSER_CLASSES": ["products.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "products.api.negotiation.ContentNegotiation",
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "products.api.schema.ShopSchema",
    "EXCEPTION_HANDLER": "products.api.errors.problem",
    "URL_FORMAT_OVERRIDE": None,  # What is wanted is said in Accept; `?format=` is unknown like any other parameter.
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Shop",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/"}],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "products.models.Status"},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "PATH_CONVERTER_OVERRIDES": {"int": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1}},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "products.api.schema.hooks.complete",
    ],
}

# --- Passwords ------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "shop.hashers.Argon2",
    # Passwords that were stored otherwise still work, and are stored anew with Argon2 at the next login.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        # What NIST SP 800-63B-4 asks of a password that is all there is to a login.
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Limits ---------------------------------------------------------------------------------------------------

LOGINS_PER_NAME = env.whole("LOGINS_PER_NAME", default=10, at_most=1_000_000)
LOGINS_PER_ADDRESS = env.whole("LOGINS_PER_ADDRESS", default=100, at_most=1_000_000)
LOGIN_WINDOW = env.minutes("LOGIN_WINDOW_MINUTES", default=15, at_least=1, at_most=1_440)
REQUESTS_PER_MINUTE = env.whole("REQUESTS_PER_MINUTE", default=1_200, at_most=1_000_000)

AUTHENTICATION_BACKENDS = ["products.auth.RateLimitedBackend"]
LOGIN_REDIRECT_URL = "admin:index"

# --- Security -------------------------------------------------------------------------------------------------

TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", default=0, at_most=10)
if TRUSTED_PROXIES:
    # Without a proxy of ours in front, any client could write this header and pass plain HTTP off as HTTPS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CSRF_TRUSTED_ORIGINS = env.names(
    "CSRF_TRUSTED_ORIGINS",
    default=[],
    pattern=r"https?://[^/\s]+",
    wish="origins separated by commas, such as https://shop.example.com",
)

# The API is refused over plain HTTP (shop.api_door), and pages are redirected: a browser's first request
# carries no secret, a program's does.
HTTPS_ONLY = env.boolean("HTTPS_ONLY", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^api(?!/docs/?$)(/|-token-auth|$)", r"^(health|metrics)(/|$)"]

hsts_seconds = env.whole("HSTS_SECONDS", default=31_536_000, at_most=63_072_000)
SECURE_HSTS_SECONDS = 0 if DEBUG else hsts_seconds
SESSION_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_AGE = 43_200  # half a day: staff log in once a shift
CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True
if not DEBUG:
    # Browsers take a cookie of such a name over HTTPS only, and from this host only, not from another of its domain.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

SILENCED_SYSTEM_CHECKS = [
    # Subdomains and the browsers' preload list belong to whoever owns the domain, not to one program on it.
    "security.W005",
    "security.W021",
    # It looks for CsrfViewMiddleware by that name, and ours is a subclass of it.
    "security.W003",
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000

# --- Language and time ----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

# Named here, because their own defaults follow settings.DEBUG, which test runners switch off.
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # No other site's pages are made of our files.

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        ),
    },
}

# --- Logs -----------------------------------------------------------------------------------------------------

LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", among=["DEBUG", "INFO", "WARNING", "ERROR"])

LOGGING = logs.config(level=LOG_LEVEL, as_json=not DEBUG)

# --- Metrics --------------------------------------------------------------------------------------------------

METRICS_TOKEN = env.secret_if_set("METRICS_TOKEN", at_least=32)

env.complain()
