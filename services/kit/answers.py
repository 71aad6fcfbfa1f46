"""Answers of routes, whose JSON PostgreSQL has rendered."""

from fastapi import Response

from services.kit.conditional import etag, etag_of
from services.kit.current import Shown


def shown(row: Shown, *, status: int = 200, location: str | None = None) -> Response:
    """The answer that shows a row, with its ETag."""
    headers = {"ETag": etag(row.version)} | ({"Location": location} if location else {})
    return Response(row.json, status_code=status, media_type="application/json", headers=headers)


def put_under(collection: str, row: Shown, *, new: bool) -> Response:
    """The answer that shows what was put: 201 with where it is from now on, if it is new."""
    return shown(row, status=201, location=f"{collection}/{row.id}") if new else shown(row)


def json_text(text: str, *, status: int = 200) -> Response:
    """An answer that PostgreSQL rendered."""
    return Response(text, status_code=status, media_type="application/json")


def tagged(text: str) -> Response:
    """An answer without a version, its ETag made of what it says."""
    answer = json_text(text)
    answer.headers["ETag"] = etag_of(text.encode())
    return answer
