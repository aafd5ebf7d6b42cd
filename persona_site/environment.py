"""Every environment variable of the product: typed, read once, from the environment or from `.env`.

docs/settings.md lists the same names; a test keeps the two together.
"""

import hashlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Literal, Self

import psutil
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


LOOPBACK = ("127.0.0.1", "localhost", "::1")
SOCKET_PATH_LIMIT = 103  # bytes: sun_path holds 108 with its NUL on Linux, 104 on macOS


def broker_socket(data_dir: Path) -> Path:
    """The embedded broker's socket: in DATA_DIR, or in a private folder where that path is too long for a socket."""
    path = data_dir / "run" / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return runtime / f"persona-{os.getuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}" / "valkey.sock"


def addresses(text: str) -> list[str]:
    """Addresses with commas between them, without a slash at the end."""
    return [each.strip().rstrip("/") for each in text.split(",") if each.strip()]


def host_names(text: str) -> list[str]:
    """Host names with commas between them, in small letters."""
    return [each.strip().casefold() for each in text.split(",") if each.strip()]


class Environment(BaseSettings):
    model_config = SettingsConfigDict(env_file=ROOT / ".env", extra="ignore")

    DATA_DIR: Path = Field(ROOT / "var", description="Folder with all state: database, broker, weights, personas, logs")
    HOST: str = Field("127.0.0.1", description="Address the web server listens on; others than loopback: see OPEN_HOST")
    OPEN_HOST: bool = Field(False, description="HOST may be other than loopback though SIGN_UP is off")
    HOST_NAME: str = Field("", description="What this machine is called among several; empty: its host name")
    PORT: int = Field(8765, ge=1, le=65535, description="Port of the web server")
    WEB_PROCESSES: int = Field(1, ge=1, le=64, description="Processes of the web server, each on a core of its own")
    ENGINE_PORT: int = Field(8766, ge=1, le=65535, description="Port of the local model server")
    ENGINE_URL: str = Field("", description="Address of a model server elsewhere; empty: the local one")
    ENGINE_URLS: str = Field("", description="Addresses of several model servers, with commas, instead of ENGINE_URL")
    ENGINE_HOST: str = Field(
        "127.0.0.1", description="Address of the model server; others than loopback need ENGINE_TOKEN"
    )
    ENGINE_TOKEN: str = Field("", repr=False, description="Secret that model servers want to hear; empty: none")
    VLLM_URLS: str = Field("", description="vLLM servers that write the replies, with commas; ENGINE_URL still ranks")
    VLLM_MODELS_DIR: str = Field("", description="Folder with versions, as the vLLM servers see it")
    STORAGE_URL: str = Field("", description="Store that all machines reach: s3://bucket/prefix or file:///folder")
    STORAGE_CACHE_GB: float = Field(10.0, gt=0, description="Versions kept on this machine beside the store, in GB")
    AWS_ENDPOINT_URL: str = Field("", description="Address of an S3-compatible store; empty: Amazon's")
    AWS_ACCESS_KEY_ID: str = Field("", description="Name of the store's key; empty: the machine's own role")
    AWS_SECRET_ACCESS_KEY: str = Field("", repr=False, description="The store's key")
    AWS_REGION: str = Field("", description="Region of the store, such as eu-central-1")
    DJANGO_SECRET_KEY: str = Field("", repr=False, description="Secret of sessions; empty: a file in DATA_DIR/secrets")
    SEALING_KEY: str = Field("", repr=False, description="Secret that seals providers' keys; empty: a file there, too")
    BASE_MODEL: str = Field("smollm2-135m-instruct", description="Base model: the bundled one, a folder or a hub name")
    REDIS_URL: str = Field("", description="Broker; empty: the embedded Valkey over a Unix socket")
    DATABASE_URL: str = Field("", description="postgresql://user:password@host:port/name; empty: SQLite in DATA_DIR")
    DEBUG: bool = Field(False, description="Django's debug pages, for developers only")
    ALLOWED_HOSTS: str = Field("127.0.0.1,localhost", description="Host names that the web server answers to")
    LANGUAGE_CODE: Literal["en", "ru"] = Field("en", description="Language where the browser asks for neither")
    TIME_ZONE: str = Field("UTC", description="Time zone of the server")
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged")
    TRAINING_THREADS: int = Field(0, ge=0, description="Threads of a training; 0: as many as there are cores")
    TRAINING_MEMORY_GB: float = Field(0.0, ge=0, description="Memory limit of a training, in GB; 0: half of all memory")
    BACKUP_DIR: str = Field("", description="Folder for a backup a day, on another disk; empty: none")
    BACKUP_KEEP: int = Field(14, ge=1, description="Daily backups that are kept")
    TELEGRAM_TOKEN: str = Field("", repr=False, description="Token of the Telegram bot; empty: no bot")
    TELEGRAM_API_URL: str = Field("https://api.telegram.org", description="Address of Telegram's Bot API")
    PUBLIC_URL: str = Field("", description="Address of the site on the internet; empty: it has none")
    SSL_REDIRECT: bool = Field(True, description="Where people sign up over https, plain HTTP is sent on to it")
    PROVIDER_HOSTS: str = Field("", description="Where people sign up: further hosts of providers, with commas")
    SIGN_UP: Literal["off", "invitation", "open"] = Field(
        "off", description="Who may make an account: nobody but the owner, who is invited, or everybody"
    )
    VERIFY_EMAIL: bool = Field(False, description="Addresses are verified by a letter; needs EMAIL_URL")
    EMAIL_URL: str = Field(
        "",
        repr=False,
        description="Mail server: smtp://user:password@host:587 or smtps://; empty: none",
    )
    EMAIL_FROM: str = Field("", description="Sender of letters; empty: persona@ and the host of PUBLIC_URL")
    SILENCE_MINUTES: int = Field(10, ge=1, description="Minutes of silence after which a dialogue starts afresh")
    QUOTA_TRAININGS: int | None = Field(None, ge=0, description="Trainings of a person a day")
    QUOTA_TRAINING_MINUTES: int | None = Field(None, ge=0, description="Minutes of training here of a person a day")
    QUOTA_CHAT_TOKENS: int | None = Field(None, ge=0, description="Tokens of replies to a person a day")
    QUOTA_MONEY_A_DAY: float | None = Field(None, ge=0, description="US dollars of a person at providers a day")
    QUOTA_MONEY_A_MONTH: float | None = Field(None, ge=0, description="US dollars of a person at providers a month")
    QUOTA_PERSONAS: int | None = Field(None, ge=0, description="Personas of a person")
    QUOTA_STORAGE_MB: int | None = Field(None, ge=0, description="Megabytes of a person's trainings and versions")
    QUOTA_REQUESTS: int | None = Field(None, ge=0, description="Requests of a person's programs a minute")
    EXPENSIVE_POSTS: int | None = Field(None, ge=0, description="Messages, trainings, imports of a person a minute")
    METRICS_TOKEN: str = Field("", repr=False, description="Bearer token of /metrics; empty: this computer alone")
    LOG_FORMAT: Literal["plain", "json"] = Field("plain", description="Lines of the log: for people or for programs")

    @field_validator("TELEGRAM_API_URL", "PUBLIC_URL")
    @classmethod
    def without_slash(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address begins with https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def letters_can_be_sent(self) -> Self:
        if self.VERIFY_EMAIL and not self.EMAIL_URL:
            raise ValueError("VERIFY_EMAIL sends letters, which need EMAIL_URL")
        return self

    @field_validator("STORAGE_URL")
    @classmethod
    def known_store(cls, value: str) -> str:
        if value and not value.startswith(("s3://", "file:///")):
            raise ValueError("a store is s3://bucket/prefix or file:///folder")
        return value.rstrip("/")

    @model_validator(mode="after")
    def not_open_by_mistake(self) -> Self:
        if self.HOST not in LOOPBACK and self.SIGN_UP == "off" and not self.OPEN_HOST:
            raise ValueError(
                "HOST is not loopback and there are no accounts: set SIGN_UP, or OPEN_HOST=1 behind a guard"
            )
        if self.ENGINE_HOST not in LOOPBACK and not self.ENGINE_TOKEN:
            raise ValueError("ENGINE_HOST is not loopback: set ENGINE_TOKEN, so that no stranger talks to the models")
        return self

    @field_validator("DATA_DIR")
    @classmethod
    def absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def training_memory_gb(self) -> float:
        """The limit; the other half is for the pages, the model server and whatever else the person does."""
        return self.TRAINING_MEMORY_GB or round(psutil.virtual_memory().total / 2e9, 1)

    @property
    def quotas(self) -> dict[str, float | None]:
        """QUOTA_... by accounts.quota_tables.Kind; None where nobody chose."""
        return {name[6:].lower(): value for name, value in self.model_dump().items() if name.startswith("QUOTA_")}

    @property
    def engine_url(self) -> str:
        """Base address of the model server, or of the first one, without a slash at the end."""
        return self.engine_urls[0]

    @property
    def engine_urls(self) -> list[str]:
        """Base addresses of all model servers; at least one."""
        return addresses(self.ENGINE_URLS or self.ENGINE_URL) or [f"http://127.0.0.1:{self.ENGINE_PORT}"]

    @property
    def host_name(self) -> str:
        return self.HOST_NAME or socket.gethostname()

    @property
    def valkey_socket(self) -> Path:
        return broker_socket(self.DATA_DIR)


def read_environment() -> Environment:
    """The settings, or SystemExit with one sentence a wrong variable."""
    try:
        return Environment()  # type: ignore[call-arg]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SystemExit(f"A setting is wrong. {faults}. See docs/settings.md.") from None
