"""Settings: from the environment alone, and a wrong one is told by name."""

from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from services.kit.settings import Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CONTACTS_DATABASE_URL": "postgresql://user:secret@db/contacts",
        "CORS_ORIGINS": " https://a.example, https://b.example ,",
        "ORGANISATION_TIMEZONE": "Asia/Shanghai",
        "DATABASE_POOL_SIZE": "3",
        "SOMETHING_ELSE": "x",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database_url("contacts") == "postgresql://user:secret@db/contacts"
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.timezone == ZoneInfo("Asia/Shanghai")
    assert settings.database_pool_size == 3
    assert "secret" not in repr(settings)


def test_a_database_that_is_not_told_is_asked_for_by_name() -> None:
    with pytest.raises(KeyError, match="OPPORTUNITIES_DATABASE_URL"):
        Settings().database_url("opportunities")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORGANISATION_TIMEZONE", "Mars/Olympus"), ("ORGANISATION_TIMEZONE", "../etc/passwd"),
        ("ORGANISATION_TIMEZONE", ""), ("ORGANISATION_CURRENCY", "usd"), ("PORT", "0"), ("PORT", "x"),
        ("RATE_READS", "often"), ("RATE_WRITES", "0/minute"), ("REQUEST_SECONDS", "0"),
        ("DATABASE_POOL_SIZE", "0"), ("LOG_LEVEL", "loud"), ("FOOTHOLD_ENVIRONMENT", "test"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
