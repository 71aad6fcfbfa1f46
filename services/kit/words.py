"""What codes, fields and refusals are called, in every language: texts out of TOML files beside what they name.

A file says under each name its label and its definition, as in `APPROVER.en = ["Approver", "Gives the last consent."]`;
of a refusal its title, and what to do. A service's file says what is its own, the kit's what all have in common.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from services.kit.languages import LANGUAGES, Language

KEYS: Final[Mapping[Language, str]] = {language: language.partition("-")[0] for language in LANGUAGES}
"""The key under which a file says something in a language."""


@dataclass(frozen=True)
class Text:
    """A name as a reader sees it."""

    label: str
    definition: str


@dataclass(frozen=True, eq=False)
class Words:
    """Texts by the path to what they name: `("enumerations", "Stage", "codes", "BIDDING")`."""

    said: Mapping[str, Any]

    def text(self, language: Language, *path: str) -> Text | None:
        """What is there called in the language; None where nothing is said of it."""
        pair = self.at(*path).get(KEYS[language])
        return Text(*pair) if pair else None

    def at(self, *path: str) -> Mapping[str, Any]:
        """What is said under the path; nothing where nothing is."""
        found: Mapping[str, Any] = self.said
        for step in path:
            found = _table(found.get(step))
        return found

    def title(self, code: str, language: Language) -> str | None:
        """The title of refusals with this code."""
        text = self.text(language, "problems", code)
        return text.label if text else None

    def and_those_in(self, path: Path) -> "Words":
        """These, and those of another file, which is heard first. Raises tomllib.TOMLDecodeError, OSError."""
        return Words(_over(self.said, tomllib.loads(path.read_text(encoding="utf-8"))))


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        table = _table(value)
        merged[key] = _over(_table(below.get(key)), table) if table else value
    return merged


KIT_WORDS: Final = Words({}).and_those_in(Path(__file__).with_name("words.toml"))
"""What all services and the gateway have in common."""
