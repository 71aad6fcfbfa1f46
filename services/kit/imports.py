"""Imports: a file of rows sent once, staged, and worked through by a job; routes call these functions.

`begin` takes the upload in and checks it as a whole, `show` tells how far the job is, `report` lists what was refused
or mended. How a noun reads a file is its profile (`services.kit.profiles`); the work is `services.kit.imports_work`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from fastapi import Request, Response
from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from starlette.datastructures import FormData, UploadFile

from services.kit import asking, idempotency, jobs, listing
from services.kit.access import require_entrusted
from services.kit.aggregates import Aggregate
from services.kit.answers import json_text
from services.kit.calls import Call
from services.kit.db import Session, one
from services.kit.fields import Paged, Read
from services.kit.filters import Filter, code, plain
from services.kit.grammar import Listing
from services.kit.ids import new_id
from services.kit.imports_file import FileRows, digest, stage
from services.kit.imports_work import COUNTS, KIND
from services.kit.problems import FieldError, Invalid, NotFound, Unsupported
from services.kit.profiles import Import, Profile


class Progress(Read):
    """How far a job is, in rows of all its walks over the file."""

    done: int
    total: int


class Counts(Read):
    """What became of the rows that were read; `read` is the sum of the others."""

    read: int
    created: int
    updated: int
    unchanged: int
    refused: int


class ImportRead(Read):
    """One import. `error` is a sentence where it has FAILED."""

    id: UUID
    profile: str
    dry_run: bool
    state: str
    progress: Progress
    counts: Counts
    error: str | None
    created_at: str
    created_by: str
    started_at: str | None
    finished_at: str | None


class FindingRead(Read):
    """What is wrong in a row, or was mended: the file's column, empty for the row as a whole."""

    field: str
    code: str
    message: str


class ReportLineRead(Read):
    """A row that was refused, or written otherwise than the file has it. `row` counts the header as 1."""

    row: int
    external_id: str | None
    outcome: str
    message: str
    findings: list[FindingRead]


class ImportReport(Paged):
    """A page of an import's report, in the file's order."""

    items: list[ReportLineRead]


class _Kit(SQLModel, registry=registry()):
    """Tables that the kit's own SQL makes; no service's metadata knows them."""


class ReportLine(_Kit, table=True):
    """A line of the report."""

    __tablename__ = "import_report"  # pyright: ignore[reportAssignmentType]

    id: UUID = Field(primary_key=True)
    job_id: UUID
    row: int = Field(sa_type=BigInteger)
    external_id: str | None = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)
    findings: list[dict[str, str]] = Field(sa_type=JSONB)


LINES: Final = Listing(
    aggregate=Aggregate(
        "import_report",
        "import-reports",
        ReportLine,
        ("row", "external_id", "outcome", "message", "findings"),
    ),
    relation="import_report",
    sight=None,
    filters={"outcome": Filter("r.outcome", code(("REFUSED", "MENDED")))},
    sorts={"row": plain("r.row", "bigint")},
    default_sort="row",
    where="r.job_id = %(job)s::uuid",
    small=True,
)

UPLOAD: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "dry_run",
            "in": "query",
            "required": False,
            "schema": {"type": "boolean", "default": False},
            "description": "Only reports: reads and checks everything, and writes nothing.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "profile"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV in UTF-8 with a header, at most 512 MB.",
                        },
                        "profile": {"type": "string", "description": "How the file is read: `maven-crm`."},
                    },
                }
            }
        },
    },
}

REPORT: Final[dict[str, Any]] = {"parameters": LINES.parameters()}

_SHOWN: LiteralString = """
SELECT json_build_object(
  'id', j.id, 'profile', j.argument ->> 'profile', 'dry_run', (j.argument ->> 'dry_run')::boolean, 'state', j.state,
  'progress', json_build_object('done', j.done, 'total', j.total), 'counts', j.counts, 'error', j.error,
  'created_at', instant(j.created_at), 'created_by', j.created_by,
  'started_at', instant(j.started_at), 'finished_at', instant(j.finished_at))::text
FROM job j WHERE j.id = %(id)s::uuid AND j.kind = 'import' AND j.argument ->> 'noun' = %(noun)s::text
"""
_TOTAL: LiteralString = "UPDATE job SET total = %(total)s, counts = %(counts)s WHERE id = %(id)s"


async def begin(request: Request, call: Call, importing: Import) -> Response:
    """Takes a file in and queues its import: 202 with the job.

    Raises Forbidden (neither an administrator nor a machine account), Unsupported (no multipart form), Invalid (unknown
    profile or query parameter, a file that is not CSV in UTF-8 with the profile's columns).
    """
    require_entrusted(call.viewer)
    dry_run = _dry_run(request)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Unsupported("media_type", "Send a form as multipart/form-data with `file` and `profile`.")
    async with request.form(max_files=1, max_fields=1) as form:
        profile, file = _parts(form, importing)
        call = await _keyed(request, call, profile, file)
        if call.cause.key and (answer := await idempotency.stored_answer(call.db, call.cause.key)):
            return answer
        async with request.app.state.pressure.turn():
            id, text = await _queue(call, importing, profile, file, dry_run=dry_run)
    answer = json_text(text, status=202)
    answer.headers["Location"] = f"/v1/{importing.noun}/imports/{id}"
    return answer


async def show(session: Session, call: Call, importing: Import, id: UUID) -> str:
    """How far the import is, as JSON text. Raises Forbidden, NotFound."""
    require_entrusted(call.viewer)
    row = await one(session, _SHOWN, {"id": id, "noun": importing.noun})
    if row is None:
        raise NotFound("import")
    return str(row[0])


async def report(session: Session, call: Call, importing: Import, id: UUID, request: Request) -> str:
    """A page of what was refused or mended, as JSON text. Raises Forbidden, NotFound, Invalid."""
    asked = asking.parse(LINES, request.query_params.multi_items())
    await show(session, call, importing, id)
    return await listing.page(session, LINES, asked, call.viewer, {"job": id})


async def _queue(
    call: Call, importing: Import, profile: Profile, file: UploadFile, *, dry_run: bool
) -> tuple[UUID, str]:
    id = new_id()
    argument: Mapping[str, Any] = {"noun": importing.noun, "profile": profile.name, "dry_run": dry_run}
    rows = await asyncio.to_thread(FileRows, file.file, profile)
    async with call.db.transaction() as tx:
        await jobs.submit(tx, KIND, call.cause, lane=f"import {importing.noun}", argument=argument, id=id)
        await stage(tx, rows, profile, id)
        counts = orjson.dumps(dict.fromkeys(COUNTS, 0)).decode()
        await tx.execute(_TOTAL, {"id": id, "total": rows.count, "counts": counts})
        text = await show(tx, call, importing, id)
        await idempotency.keep(tx, call.cause.key, status=202, answer=text)
    rows.detach()
    return id, text


def _dry_run(request: Request) -> bool:
    errors: list[FieldError] = []
    told = request.query_params.multi_items()
    given = asking.known_once(told, ("dry_run",), "is not known here; known is dry_run", errors)
    asked = given.get("dry_run", "false")
    if asked not in ("true", "false"):
        errors.append(FieldError("dry_run", "value", "must be true or false"))
    if errors:
        raise Invalid(errors)
    return asked == "true"


def _parts(form: FormData, importing: Import) -> tuple[Profile, UploadFile]:
    names = ", ".join(profile.name for profile in importing.profiles)
    errors = [
        FieldError(name[:100], "extra_forbidden", "is not known here; send file and profile")
        for name in form
        if name not in ("file", "profile")
    ]
    file, profile = form.get("file"), form.get("profile")
    if not isinstance(file, UploadFile):
        errors.append(FieldError("file", "missing", "must be a CSV file in the form"))
    found = next((one_ for one_ in importing.profiles if one_.name == profile), None)
    if found is None:
        errors.append(FieldError("profile", "unknown", f"must be one of {names}"))
    if errors or found is None or not isinstance(file, UploadFile):
        raise Invalid(errors)
    return found, file


async def _keyed(request: Request, call: Call, profile: Profile, file: UploadFile) -> Call:
    """The call, with the form in the fingerprint of its key."""
    if call.cause.key is None:
        return call
    told = await asyncio.to_thread(digest, file.file)
    key = idempotency.with_body(call.cause.key, profile.name.encode() + b"\n" + told)
    request.state.idempotency = key
    return replace(call, cause=replace(call.cause, key=key))
