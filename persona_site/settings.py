"""Django's settings, made from `persona_site.environment`."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from persona_site.environment import ROOT, addresses, host_names, read_environment
from persona_site.mail import mail_server, sender
from persona_site.secrets import secret

ENV = read_environment()

BASE_DIR = ROOT
DATA_DIR: Path = ENV.DATA_DIR
HOST, PORT, ENGINE_PORT, HOST_NAME = ENV.HOST, ENV.PORT, ENV.ENGINE_PORT, ENV.host_name
ENGINE_URL, ENGINE_URLS = ENV.engine_url, ENV.engine_urls
ENGINE_HOST, ENGINE_TOKEN = ENV.ENGINE_HOST, ENV.ENGINE_TOKEN.strip()
VLLM_URLS, VLLM_MODELS_DIR = addresses(ENV.VLLM_URLS), ENV.VLLM_MODELS_DIR
STORAGE_URL, STORAGE_CACHE_GB = ENV.STORAGE_URL, ENV.STORAGE_CACHE_GB
AWS_ENDPOINT_URL, AWS_REGION = ENV.AWS_ENDPOINT_URL, ENV.AWS_REGION
AWS_KEY = (ENV.AWS_ACCESS_KEY_ID, ENV.AWS_SECRET_ACCESS_KEY)
BASE_MODEL = ENV.BASE_MODEL
REDIS_URL = ENV.REDIS_URL
VALKEY_SOCKET: Path = ENV.valkey_socket
TRAINING_THREADS, TRAINING_MEMORY_GB = ENV.TRAINING_THREADS, ENV.training_memory_gb
WEB_PROCESSES = ENV.WEB_PROCESSES
BACKUP_DIR, BACKUP_KEEP = ENV.BACKUP_DIR, ENV.BACKUP_KEEP
SILENCE_SECONDS = ENV.SILENCE_MINUTES * 60
TELEGRAM_TOKEN, TELEGRAM_API_URL, PUBLIC_URL = ENV.TELEGRAM_TOKEN.strip(), ENV.TELEGRAM_API_URL, ENV.PUBLIC_URL
QUOTAS, EXPENSIVE_POSTS = ENV.quotas, ENV.EXPENSIVE_POSTS  # read by accounts.quotas and accounts.rates
METRICS_TOKEN = ENV.METRICS_TOKEN.strip()

MODELS_DIR = DATA_DIR / "models"  # one folder a published version
RUNS_DIR = DATA_DIR / "runs"  # one job folder a training run
UPLOADS_DIR = DATA_DIR / "uploads"  # training files that programs brought, each under its id
BASE_DIR_CACHE = DATA_DIR / "base"  # base models, made ready once

SECRET_KEY = ENV.DJANGO_SECRET_KEY or secret(DATA_DIR / "secrets", "django")
SEALING_KEY = ENV.SEALING_KEY or secret(DATA_DIR / "secrets", "keys")  # for keys of other services; backups need it
DEBUG = ENV.DEBUG
ALLOWED_HOSTS = [*host_names(ENV.ALLOWED_HOSTS), "127.0.0.1", "localhost"]  # it may always ask itself how it is
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or ""
ALLOWED_HOSTS += [PUBLIC_HOST] if PUBLIC_HOST else []
PROVIDER_HOSTS = None if ENV.SIGN_UP == "off" else host_names(ENV.PROVIDER_HOSTS)  # None: any
# In printed links: the name of a server; on a laptop, whose PUBLIC_URL may be a tunnel for its bot alone, the loopback.
IS_NAMED = bool(PUBLIC_URL) and (ENV.SIGN_UP != "off" or HOST not in {"127.0.0.1", "localhost"})
SITE_URL = PUBLIC_URL if IS_NAMED else f"http://{HOST}:{PORT}"
# A server that people reach over TLS, and not a laptop with a tunnel for its Telegram bot.
IS_SERVER = ENV.SIGN_UP != "off" and PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "persona_site",
    "accounts",
    "questionnaires",
    "training",
    "chat",
    "fidelity",
    "privacy",
    "api",
    "operations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "persona_site.handler.static_files",
    "operations.middleware.observed",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "questionnaires.unsent.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

if ENV.SIGN_UP != "off":
    MIDDLEWARE.append("accounts.seen.last_seen")

ROOT_URLCONF = "persona_site.urls"
ASGI_APPLICATION = "persona_site.asgi.application"
SIGN_UP = ENV.SIGN_UP
LOGIN_URL = "locked" if SIGN_UP == "off" else "account_login"
LOGIN_REDIRECT_URL = "home"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "persona_site.rail.rail",
            ],
        },
    }
]


# libpq notices within some ten seconds that the server's machine is gone without a word.
SERVER_WATCH = {
    "connect_timeout": 5,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
NAMED = {"dbname", "user", "password", "host", "port"}  # Django has names of its own for these


def database(url: str) -> dict[str, Any]:
    """Django's description of the database at `url` (PostgreSQL), or of SQLite in DATA_DIR."""
    if not url:
        return {
            "ENGINE": "persona_site.sqlite",
            "NAME": DATA_DIR / "persona.sqlite3",
            # None keeps the last connection open: closing it checkpoints the log and made saves take seconds.
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",  # read-then-write in DEFERRED mode fails with "database is locked"
                "timeout": 20,
            },
        }
    if urlsplit(url).scheme not in {"postgres", "postgresql"}:
        raise SystemExit("DATABASE_URL must begin with postgresql://. See docs/settings.md.")
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise SystemExit(f"DATABASE_URL cannot be read: {error}. See docs/settings.md.") from None
    return {
        "ENGINE": "persona_site.postgresql",
        "NAME": parts.get("dbname", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": SERVER_WATCH
        | {"prepare_threshold": 1}
        | {name: value for name, value in parts.items() if name not in NAMED},
    }


DATABASES = {"default": database(ENV.DATABASE_URL)}
# Beside the queues; keys begin with "cache:". Nothing in it must survive, and pages work without it.
CACHES = {
    "default": {
        "BACKEND": "persona_site.cache.ForgivingCache",
        "LOCATION": REDIS_URL or f"unix://{VALKEY_SOCKET}",
        "KEY_PREFIX": "cache",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = ENV.LANGUAGE_CODE
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = ENV.TIME_ZONE
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SERVESTATIC_USE_FINDERS = True  # served from the source folders: no collecting step can be forgotten
SERVESTATIC_USE_MANIFEST = False

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",  # the one-time link; it knows no e-mail addresses
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "MinimumLengthValidator": {"min_length": 10},
        "UserAttributeSimilarityValidator": {"user_attributes": ["email"]},
        "CommonPasswordValidator": {},
    }.items()
]
ACCOUNT_ADAPTER, MFA_ADAPTER = "accounts.adapter.Adapter", "persona_site.second_factor.SecondFactor"
ACCOUNT_FORMS = {"login": "accounts.forms.LogInForm", "signup": "accounts.forms.SignUpForm"}
MFA_FORMS = {"add_webauthn": "accounts.forms.PasskeyForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if ENV.VERIFY_EMAIL else "none"
ACCOUNT_CHANGE_EMAIL = True  # one address an account
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = bool(ENV.EMAIL_URL)  # a letter when a password or a second factor changes
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_USER_DISPLAY = "accounts.people.name_of"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = not ENV.VERIFY_EMAIL
MFA_TOTP_TOLERANCE = 1  # a code typed in its last second still counts
HAS_MAIL = bool(ENV.EMAIL_URL)
MAIL_SERVER = mail_server(ENV.EMAIL_URL)
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.backend, MAIL_SERVER.host, MAIL_SERVER.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.password
EMAIL_USE_SSL, EMAIL_USE_TLS, EMAIL_TIMEOUT = MAIL_SERVER.use_ssl, MAIL_SERVER.use_tls, 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = sender(ENV.EMAIL_FROM, PUBLIC_URL)
# What administrators see counted of a person: never a text.
PEOPLE_COUNTS = {"personas": "questionnaires.Persona", "trainings": "training.TrainingRun"}

# A cookie knows no port: two installations must not share one. "__Host-" binds it to this host alone.
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-persona" if IS_SERVER else f"persona_{ENV.PORT}"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_SERVER else f"csrf_{ENV.PORT}"
CSRF_FAILURE_VIEW = "questionnaires.unsent.token_refused"
CSRF_COOKIE_HTTPONLY = False  # the page's scripts send it as a header
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_HOST else []  # a proxy that ends TLS may not say so
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_SERVER
LANGUAGE_COOKIE_NAME = "__Host-language" if IS_SERVER else "django_language"
LANGUAGE_COOKIE_SAMESITE, LANGUAGE_COOKIE_HTTPONLY = "Lax", True
SECURE_SSL_REDIRECT, SECURE_SSL_HOST = IS_SERVER and ENV.SSL_REDIRECT, urlsplit(PUBLIC_URL).netloc or None
# Asked for from within, without TLS; and programs are refused instead (api.tokens), so that their mistake is noticed.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/", r"^v1/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_SERVER else 0
X_FRAME_OPTIONS = "DENY"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # the other signs for each request
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Other services may stand below the same domain: HSTS is for this host alone, and nobody enters it into a list.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if not IS_SERVER:  # loopback speaks plain HTTP
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "object-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024  # an import has at most 5 MB

CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{VALKEY_SOCKET}"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_IMPORTS = ["operations.backup_tasks"]
CELERY_TASK_ROUTES = {"training.tasks.run_train": {"queue": "train"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 6 * 3600,
    "socket_timeout": 10,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_TASK_PUBLISH_RETRY = False  # the sweeper rings again; the click must not wait for a broker that is away
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "training.tasks.sweep", "schedule": 15.0, "options": {"expires": 14}},
    "thin": {"task": "questionnaires.tasks.thin_histories", "schedule": 6 * 3600.0, "options": {"expires": 3600}},
    "likeness": {"task": "fidelity.tasks.sweep", "schedule": 15.0, "options": {"expires": 14}},
    "store": {"task": "training.tasks.clear_store", "schedule": 3600.0, "options": {"expires": 1800}},
    "purge": {"task": "chat.tasks.purge", "schedule": 60.0, "options": {"expires": 59}},
    "privacy": {"task": "privacy.tasks.sweep", "schedule": 15.0, "options": {"expires": 14}},
    "keep": {"task": "privacy.tasks.keep_house", "schedule": 6 * 3600.0, "options": {"expires": 3600}},
    "canary": {"task": "operations.tasks.canary", "schedule": 60.0, "options": {"expires": 59}},
    "backup": {"task": "operations.backup_tasks.daily_backup", "schedule": 3600.0, "options": {"expires": 3000}},
}

LOG_FORMAT = ENV.LOG_FORMAT
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "tokens_out": {"()": "chat.sharing.redaction.TokensOut"},
        "without_words": {"()": "persona_site.logs.WithoutWords"},
    },
    "formatters": {"plain": {"()": "persona_site.logs.Plain"}, "json": {"()": "persona_site.logs.JsonLines"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["without_words", "tokens_out"],
        }
    },
    "root": {"handlers": ["console"], "level": ENV.LOG_LEVEL},
    # Without handlers of their own, which would print whole exceptions.
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        **{name: {"handlers": [], "level": "WARNING"} for name in ("uvicorn", "uvicorn.error", "django.server")},
        # What they say of themselves at lower levels holds a bot's token, addresses or the words that are sent.
        **{name: {"level": "WARNING"} for name in ("httpx", "httpx2", "httpcore", "httpcore2", "telegram", "openai")},
    },
}
