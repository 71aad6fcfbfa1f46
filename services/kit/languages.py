"""Which language a reader is answered in: what Accept-Language asks for, of those that texts are written in.

Negotiation is RFC 9110, 12.5.4, by primary language: `zh-CN` and `zh-TW` are both answered in simplified Chinese, and
what nobody here speaks in English. Codes and details of refusals are the same for every reader.
"""

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

from starlette.datastructures import Headers
from starlette.types import Scope
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

Language: TypeAlias = Literal["en", "zh-Hans"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
"""Those that texts are written in; the first is for readers who ask for none of them."""

# A header beyond this length was written to cost time.
MAX_HEADER = 1_000

_PRIMARY: Final[dict[str, Language]] = {language.partition("-")[0]: language for language in LANGUAGES}


def language_of(scope: Scope) -> Language:
    """The language that the request's reader is answered in."""
    return spoken(",".join(Headers(scope=scope).getlist("accept-language")))


@lru_cache(maxsize=256)
def spoken(header: str) -> Language:
    """The language of the highest quality in an Accept-Language header; of equal ones that which is named first."""
    if len(header) > MAX_HEADER:
        return LANGUAGES[0]
    wanted: dict[str, float] = {}
    for item, quality in parse_accept_header(header, LanguageAccept):
        primary = re.split("[-_]", item, maxsplit=1)[0].lower()
        wanted[primary] = max(quality, wanted.get(primary, 0))
    offers = {language: wanted.get(primary, wanted.get("*", 0)) for primary, language in _PRIMARY.items()}
    order = [*wanted, *_PRIMARY]
    best = min(_PRIMARY, key=lambda primary: (-offers[_PRIMARY[primary]], order.index(primary)))
    return _PRIMARY[best] if offers[_PRIMARY[best]] > 0 else LANGUAGES[0]


def spoken_in(language: Language) -> dict[str, str]:
    """The headers of an answer that was negotiated."""
    return {"Content-Language": language, "Vary": "Accept-Language"}
