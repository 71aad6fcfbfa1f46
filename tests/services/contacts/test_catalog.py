"""The catalogue over HTTP, and refusals in the language of their reader."""

from httpx import Response

from services.kit.catalog import CatalogRead
from tests.apis import as_
from tests.problems import assert_problem
from tests.services.contacts.conftest import House


async def asked(house: House, path: str, language: str, **headers: str) -> Response:
    told = {
        **as_("seller"),
        "Accept-Language": language,
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return await house.client.get(path, headers=told)


async def test_the_catalogue_is_in_the_readers_language(house: House) -> None:
    before = len(house.statements)
    english, chinese = [
        await asked(house, "/v1/catalog", each) for each in ("en-GB", "zh-CN,zh;q=0.9,en;q=0.8")
    ]
    for answer, language in ((english, "en"), (chinese, "zh-Hans")):
        assert answer.status_code == 200
        assert (answer.headers["content-language"], answer.headers["vary"]) == (language, "Accept-Language")
        assert CatalogRead.model_validate_json(answer.content).language == language
    assert english.headers["etag"] != chinese.headers["etag"]
    assert len(house.statements) == before
    kinds = [answer.json()["enumerations"]["AccountKind"]["codes"] for answer in (english, chinese)]
    assert [[code["label"] for code in codes] for codes in kinds] == [
        ["Project customer", "Channel"],
        ["项目型客户", "渠道型客户"],
    ]


async def test_fields_say_what_they_hold(house: House) -> None:
    resources = (await asked(house, "/v1/catalog", "en")).json()["resources"]
    fields = {field["name"]: field for field in resources["AccountRead"]["fields"]}
    shown = [
        (name, f["type"], f["many"], f["nullable"], f["enumeration"], f["resource"], f["unit"])
        for name, f in fields.items()
        if name
        in ("id", "account_kind", "annual_revenue", "team", "external_ids", "created_at", "founded_year")
    ]
    assert shown == [
        ("created_at", "INSTANT", False, False, None, None, None),
        ("id", "ID", False, False, None, None, None),
        ("account_kind", "CODE", False, False, "AccountKind", None, None),
        ("annual_revenue", "INTEGER", False, True, None, None, "minor_units"),
        ("founded_year", "INTEGER", False, True, None, None, "year"),
        ("team", "OBJECT", True, False, None, "Seat", None),
        ("external_ids", "TABLE", False, False, None, None, None),
    ]
    contact = {field["name"]: field for field in resources["ContactRead"]["fields"]}
    assert (contact["tenure_end_on"]["type"], contact["public_official"]["type"]) == ("DAY", "FLAG")
    assert (contact["phones"]["type"], contact["phones"]["many"]) == ("TEXT", True)
    assert not resources.keys() & {"ContactList", "ContactFound"}


async def test_what_has_not_changed_is_not_sent_again(house: House) -> None:
    tag = (await asked(house, "/v1/catalog", "zh")).headers["etag"]
    same = await asked(house, "/v1/catalog", "zh", If_None_Match=f'"other", W/{tag}')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await asked(house, "/v1/catalog", "en", If_None_Match=tag)).status_code == 200


async def test_events_are_called_after_what_they_happen_to(house: House) -> None:
    events = {event["code"]: event for event in (await asked(house, "/v1/catalog", "zh")).json()["events"]}
    assert events["account.created"]["label"] == "客户已创建"
    assert events["contact_link.snapshot"]["label"] == "人际关系快照"


async def test_a_refusals_title_is_in_the_readers_language_and_its_code_is_not(house: House) -> None:
    problems = (await asked(house, "/v1/catalog", "zh")).json()["problems"]
    said = {problem["code"]: problem["title"] for problem in problems}
    path = "/v1/accounts/0198c0de-0000-7000-8000-000000000000"
    chinese, english = [await asked(house, path, language) for language in ("zh-CN", "fr")]
    assert assert_problem(chinese, 404, "not_found")["title"] == said["not_found"] == "未找到"
    assert assert_problem(english, 404, "not_found")["title"] == "Not found"
    assert chinese.json()["detail"] == english.json()["detail"]
    assert (chinese.headers["content-language"], chinese.headers["vary"]) == ("zh-Hans", "Accept-Language")
    assert english.headers["content-language"] == "en"


async def test_a_services_own_refusals_are_in_the_readers_language(house: House) -> None:
    body = {"name": "A", "owner_id": house.id_of("stranger")}
    headers = {**as_("seller"), "Accept-Language": "zh"}
    refused = await house.client.post("/v1/accounts", json=body, headers=headers)
    assert assert_problem(refused, 403, "owner_not_yours")["title"] == "负责人不在您名下"


async def test_refusals_before_the_routes_are_in_the_readers_language(house: House) -> None:
    headers = {**as_("seller"), "Accept-Language": "zh", "Content-Type": "application/json"}
    refused = await house.client.post("/v1/accounts", content=b" " * 1_000_001, headers=headers)
    assert assert_problem(refused, 413, "body_too_large")["title"] == "正文过大"


async def test_the_catalogue_takes_no_query(house: House) -> None:
    assert_problem(await asked(house, "/v1/catalog?language=zh", "en"), 422, "invalid")
