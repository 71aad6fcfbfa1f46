"""Whatever has a name has words in every language, and there are no words for what does not exist."""

from typing import Any

import pytest

from services.kit.descriptor import Service
from services.kit.events import STANDARD
from services.kit.telling import Teller
from services.kit.words import Words
from tests.contracts.spoken import (
    SERVICES,
    codes_in,
    codes_in_sql,
    document_of,
    homes,
    idle,
    paths_of,
    problem_codes,
    speechless,
    wanted,
)

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {service.name: document_of(service) for service in SERVICES}


@each_service
def test_everything_has_words_in_every_language(
    service: Service, documents: dict[str, dict[str, Any]]
) -> None:
    told = wanted(service, documents[service.name])
    told |= {("problems", code) for code in service.words.at("problems")}
    told |= {(table, code) for table in ("languages", "units", "tags") for code in service.words.at(table)}
    assert speechless(service.words, told) == []


@each_service
def test_every_refusal_in_the_source_has_words_and_no_other(service: Service) -> None:
    codes = problem_codes("services/kit", "gateway", f"services/{service.name}")
    elsewhere = problem_codes(*(f"services/{each.name}" for each in SERVICES))
    assert codes - set(service.words.at("problems")) == set()
    assert set(service.words.at("problems")) - codes - elsewhere == set()


def test_no_words_are_for_what_does_not_exist(documents: dict[str, dict[str, Any]]) -> None:
    everything = {path for service in SERVICES for path in wanted(service, documents[service.name])}
    used = {home for service in SERVICES for path in everything for home in homes(service.words, path)}
    used |= {("facts", fact) for fact in (*STANDARD, "restored", "erased")}
    for service in SERVICES:
        tables = ("problems", "languages", "units", "tags")
        listed = {(table, code) for table in tables for code in service.words.at(table)}
        assert idle(service.words, used | listed) == []


@each_service
def test_every_number_has_a_unit(service: Service, documents: dict[str, dict[str, Any]]) -> None:
    units = service.words.at("units").keys()
    for field in fields_of(service, documents[service.name]):
        assert (field["unit"] in units) == (field["type"] == "INTEGER"), field


def test_every_unit_is_a_fields(documents: dict[str, dict[str, Any]]) -> None:
    used = {field["unit"] for service in SERVICES for field in fields_of(service, documents[service.name])}
    assert used - {None} == set(SERVICES[0].words.at("units"))


def fields_of(service: Service, document: dict[str, Any]) -> list[dict[str, Any]]:
    teller, schemas = Teller(service, "en"), document["components"]["schemas"]
    named = [name for kind, name, *rest in wanted(service, document) if kind == "resources" and not rest]
    return [field for name in named for field in teller.resource(name, schemas)["fields"]]


def test_services_say_the_same_of_the_same_name() -> None:
    said: dict[tuple[str, ...], Any] = {}
    for service in SERVICES:
        for path in paths_of(service.words.said):
            if path[0] in ("enumerations", "resources", "problems"):
                told = {key: pair for key, pair in service.words.at(*path).items() if key in ("en", "zh")}
                assert said.setdefault(path, told) == told, path


# The guards themselves


def test_missing_words_are_found() -> None:
    words = Words(
        {"enumerations": {"Hue": {"en": ["Hue", "A colour."], "codes": {"RED": {"en": ["Red", ""]}}}}}
    )
    paths = {("enumerations", "Hue"), ("enumerations", "Hue", "codes", "RED")}
    assert speechless(words, paths) == [
        "enumerations.Hue (zh)",
        "enumerations.Hue.codes.RED (en)",
        "enumerations.Hue.codes.RED (zh)",
    ]


def test_idle_words_are_found() -> None:
    words = Words({"problems": {"gone": {"en": ["Gone", "Look elsewhere."]}}})
    assert idle(words, {("problems", "gone")}) == []
    assert idle(words, {("problems", "lost")}) == ["problems.gone"]


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise Conflict("planted", "x")', ["planted"]),
        ('raise problems.Forbidden("planted", "x")', ["planted"]),
        ('Conflict(code or "planted", "x")', ["planted"]),
        ('Invalid(errors, code="planted")', ["planted"]),
        ('def __init__(self, errors, code="planted"): ...', ["planted"]),
        ('super().__init__("planted", "x")', ["planted"]),
        ('other = ("token_planted", "x")', ["token_planted"]),
        ('Index("book__title__planted", "title", unique=True)', ["planted"]),
        ('Index("book__title__unplanted", "title")', []),
        ('FieldError("title", "unplanted", "x")', []),
    ],
)
def test_refusals_are_found_in_source(source: str, codes: list[str]) -> None:
    assert list(codes_in(source)) == codes


def test_refusals_are_found_in_sql() -> None:
    assert codes_in_sql(
        "CONSTRAINT book__title__planted UNIQUE (title), CONSTRAINT book__x__range CHECK (x > 0)"
    ) == ["planted"]


def test_an_enumeration_may_say_its_codes_elsewhere() -> None:
    def said(label: str) -> dict[str, list[str]]:
        return {"en": [label, "x"], "zh": [label, "x"]}

    words = Words(
        {"enumerations": {"Hue": {"codes": {"RED": said("Red")}}, "Tint": {**said("Tint"), "like": ["Hue"]}}}
    )
    assert speechless(words, {("enumerations", "Tint"), ("enumerations", "Tint", "codes", "RED")}) == []
