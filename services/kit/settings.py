"""Settings of a process, from its environment alone."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.kit.rates import rate


class Settings(BaseSettings):
    """Every setting that a process of the platform reads; each is named as in the environment, in upper case.

    Databases are secret because their addresses carry passwords. Of `republish_days` 0 means never, of
    `journal_retention_days` and `deleted_days` for ever; of a rate it means that there is none.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    foothold_environment: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    oidc_issuer: str = "http://127.0.0.1:8004"
    oidc_audience: str = "foothold"
    oidc_algorithm: Literal["ES256", "ES384", "RS256", "PS256"] = "ES256"
    oidc_roles_claim: str = Field(default="roles", min_length=1)
    oidc_scope_claim: str = Field(default="scope", min_length=1)
    access_contact: str = Field(default="an administrator", min_length=1, max_length=200)

    contacts_database_url: SecretStr | None = None
    opportunities_database_url: SecretStr | None = None
    activities_database_url: SecretStr | None = None
    database_pool_size: int = Field(default=10, ge=1, le=200)
    kafka_bootstrap_servers: str = "127.0.0.1:8009"

    contacts_url: str = "http://127.0.0.1:8001"
    opportunities_url: str = "http://127.0.0.1:8002"
    activities_url: str = "http://127.0.0.1:8003"
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()

    organisation_timezone: str = "UTC"
    organisation_currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    policy_file: str | None = None

    republish_days: int = Field(default=7, ge=0, le=3650)
    journal_retention_days: int = Field(default=0, ge=0, le=36500)
    deleted_days: int = Field(default=30, ge=0, le=36500)

    rate_reads: str = "120000/minute"
    rate_writes: str = "60000/minute"
    rate_failures: str = "600/minute"
    request_seconds: float = Field(default=15, ge=0.1, le=600)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip() for origin in value.split(",") if origin.strip())
        return value

    @field_validator("rate_reads", "rate_writes", "rate_failures")
    @classmethod
    def _known_rate(cls, value: str) -> str:
        rate(value)
        return value

    @field_validator("organisation_timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError) as error:
            raise ValueError("is no time zone, as in Europe/Berlin") from error
        return value

    @property
    def timezone(self) -> ZoneInfo:
        """The organisation's time zone: it decides what a day is."""
        return ZoneInfo(self.organisation_timezone)

    def database_url(self, service: str) -> str:
        """The address of a service's database. Raises KeyError naming the variable when it is not set."""
        secret: SecretStr | None = getattr(self, f"{service}_database_url")
        if secret is None:
            raise KeyError(f"{service.upper()}_DATABASE_URL")
        return secret.get_secret_value()
