"""Which language an Accept-Language header asks for."""

import pytest

from services.kit.languages import Language, language_of, spoken


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("en", "en"),
        ("zh-Hans", "zh-Hans"),
        ("ZH_cn", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de,fr;q=0.9", "en"),
        ("de,zh;q=0.3,en;q=0.2", "zh-Hans"),
        ("zh,en", "zh-Hans"),
        ("en,zh", "en"),
        ("*", "en"),
        ("zh;q=0,*", "en"),
        ("en;q=0,*", "zh-Hans"),
        ("en;q=0.1,*;q=0.5", "zh-Hans"),
        ("en;q=0", "en"),
        ("zh;q=2", "en"),
        ("zh;q=ten", "en"),
        ("zh-CN;q=0.1,zh;q=0.9,en;q=0.5", "zh-Hans"),
        (";;,,=", "en"),
        ("zhx,english", "en"),
        ("zh," * 400, "en"),
    ],
)
def test_the_language_of_the_highest_quality_is_spoken(header: str, language: Language) -> None:
    assert spoken(header) == language


def test_headers_that_come_twice_are_one() -> None:
    headers = [(b"accept-language", b"en;q=0.5"), (b"accept-language", b"zh-CN")]
    assert language_of({"type": "http", "headers": headers}) == "zh-Hans"
    assert language_of({"type": "http", "headers": []}) == "en"


def test_bytes_that_are_no_language_are_read_as_none() -> None:
    assert language_of({"type": "http", "headers": [(b"accept-language", b"\xff\xfe\x00;q=\xe4")]}) == "en"
