"""What has a name, and what there are words for: the two are held against each other."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.app import create_api
from services.kit.catalog import enumerations, resources
from services.kit.descriptor import Service
from services.kit.settings import Settings
from services.kit.words import KEYS, Words
from services.opportunities.main import SERVICE as OPPORTUNITIES

ROOT = Path(__file__).parents[2]
SERVICES = (CONTACTS, OPPORTUNITIES, ACTIVITIES)
SETTINGS = Settings.model_validate(
    {f"{service.name}_database_url": "postgresql://nobody@127.0.0.1/none" for service in SERVICES}
)

# What comes from the names of constraints, and what a class says without being told.
REFUSALS = frozenset(
    {
        "Problem", "BadRequest", "Unauthorized", "Forbidden", "Conflict", "Gone", "TooLarge", "TooLong", "TooSlow",
        "HeadTooLarge", "Unsupported", "Unavailable", "UpstreamTimeout", "MethodNotAllowed", "TooMany",
        "PreconditionFailed", "_refuse", "_refusal",
        "Need",
    }
)  # fmt: skip

Path_ = tuple[str, ...]


def document_of(service: Service) -> dict[str, Any]:
    """The service's OpenAPI document. Nothing is connected to."""
    return create_api(service, SETTINGS).openapi()


def wanted(service: Service, document: Mapping[str, Any]) -> set[Path_]:
    """The paths of all that the service must have words for, problems apart."""
    schemas = document["components"]["schemas"]
    found = {("enumerations", name) for name in enumerations(schemas, service)}
    for name in resources(document):
        found.add(("resources", name))
        found |= {("resources", name, "fields", field) for field in schemas[name]["properties"]}
    for name, codes in enumerations(schemas, service).items():
        found |= {("enumerations", name, "codes", code) for code in codes}
    for each in service.public:
        found.add(("aggregates", each.name))
        found |= {("facts", type_.partition(".")[2]) for type_ in each.types}
    return found


def homes(words: Words, path: Path_) -> list[Path_]:
    """Where the words for what is at the path may stand."""
    match path:
        case ("resources", _, "fields", field):
            return [path, ("fields", field)]
        case ("enumerations", name, "codes", code):
            like: list[str] = words.at("enumerations", name).get("like", [])
            return [path, *(("enumerations", each, "codes", code) for each in like)]
        case _:
            return [path]


def speechless(words: Words, paths: set[Path_]) -> list[str]:
    """What has no words in some language, each with the language: `resources.Seat.fields.function (zh)`."""
    return sorted(
        f"{'.'.join(path)} ({key})"
        for path in paths
        for key in KEYS.values()
        if not any(_both(words.at(*home).get(key)) for home in homes(words, path))
    )


def _both(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(pair)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def paths_of(said: Mapping[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    """Every path under which there is a text in some language."""
    if any(isinstance(said.get(key), list) for key in KEYS.values()):
        yield path
    for key, value in said.items():
        if isinstance(value, dict):
            yield from paths_of(cast("dict[str, Any]", value), (*path, key))


def idle(words: Words, spoken_of: set[Path_]) -> list[str]:
    """Words for what does not exist."""
    used = {home for path in spoken_of for home in homes(words, path)}
    return sorted(".".join(path) for path in paths_of(words.said) if path not in used)


def problem_codes(*packages: str) -> set[str]:
    """Every code that the source of the packages refuses with, as far as it is written out."""
    files = [path for package in packages for path in sorted((ROOT / package).rglob("*.*"))]
    texts = [(path.suffix, path.read_text(encoding="utf-8")) for path in files if path.suffix in _READERS]
    return {code for suffix, text in texts for code in _READERS[suffix](text) if _SLUG.fullmatch(code)}


def codes_in(source: str) -> Iterator[str]:
    """The codes that a module refuses with: what refusals are told first, and what unique indexes are named after."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call():
                yield from _refused_with(node)
            case ast.Tuple(elts=[ast.Constant(value=str(code)), *_]) if code.startswith("token_"):
                yield code
            case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                yield code
            case ast.arguments(defaults=defaults, args=[*_, ast.arg(arg="code")]) if defaults:
                yield from _texts(defaults[-1])
            case _:
                pass


def _refused_with(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in REFUSALS | {"__init__"} and call.args:
        yield from _texts(call.args[0])
    if name == "Index" and any(keyword.arg == "unique" for keyword in call.keywords):
        yield from (code.rpartition("__")[2] for code in _texts(call.args[0]) if code.count("__") == 2)


def _texts(node: ast.expr) -> list[str]:
    """The texts that an expression may be: `"taken"`, `code or "taken"`."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.BoolOp(values=values):
            return [text for value in values for text in _texts(value)]
        case _:
            return []


def codes_in_sql(source: str) -> list[str]:
    """The codes that unique constraints of an SQL file are named after."""
    return re.findall(r"\b[a-z_]+__[a-z_]+__([a-z]+)\s+(?:PRIMARY KEY|UNIQUE)", source)


_READERS: Mapping[str, Callable[[str], Iterable[str]]] = {".py": codes_in, ".sql": codes_in_sql}
_SLUG = re.compile("[a-z]+(?:_[a-z]+)*")
