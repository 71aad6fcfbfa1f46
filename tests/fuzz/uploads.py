"""Files that nobody well-behaved would import, and the forms in which they are sent."""

import gzip
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.activities.engagements.imports import IMPORT as ACTIVITIES
from services.contacts.accounts.imports import IMPORT as ACCOUNTS
from services.contacts.members.imports import IMPORT as MEMBERS
from services.kit.profiles import Import
from services.opportunities.pipeline.imports import IMPORT as OPPORTUNITIES
from services.opportunities.products.imports import IMPORT as PRODUCTS

IMPORTS: Final = (MEMBERS, ACCOUNTS, PRODUCTS, OPPORTUNITIES, ACTIVITIES)

_NAMES = (
    b"x.csv",
    b"../../etc/passwd",
    b"a\x00b.csv",
    b'"; x="',
    b"x\r\nX-Evil: 1",
    b"\xff\xfe",
    b"n" * 5000,
    b"",
)
_CELLS = (
    "", " ", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "' OR 1=1 --", "\u202e", "𝕏" * 300, "A" * 60_000,
    "1e999", "-9223372036854775809", "9999-12-31", "0000-00-00", "NaN", "../..", "\\N", "\\.", "a\tb", '"', "x\r\ny",
)  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """A form to be sent to `noun`. One that is `broken` holds no file that any import can begin with."""

    noun: str
    kind: bytes
    body: bytes
    broken: bool


def upload(chance: random.Random) -> Upload:
    """One of them."""
    importing = chance.choice(IMPORTS)
    if chance.random() < 0.4:
        return _form(chance, importing, _odd_file(chance, importing), broken=False)
    if chance.random() < 0.5:
        return _form(chance, importing, _broken_file(chance, importing), broken=True)
    return _broken_form(chance, _form(chance, importing, _header(importing), broken=True))


def _columns(importing: Import) -> list[str]:
    return list(importing.profiles[0].columns)


def _header(importing: Import) -> bytes:
    return ",".join(_columns(importing)).encode() + b"\n"


def _odd_file(chance: random.Random, importing: Import) -> bytes:
    """A table of the right columns, whose cells are not."""
    rows = [[chance.choice(_CELLS) for _ in _columns(importing)] for _ in range(chance.randint(1, 20))]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    uneven = chance.choice((b"", b"\n\n\n", b"a\n", b"," * 500 + b"\n"))
    mark = chance.choice((b"", b"\xef\xbb\xbf"))
    return mark + _header(importing) + "\r\n".join(quoted).encode() + b"\r\n" + uneven


def _broken_file(chance: random.Random, importing: Import) -> bytes:
    """What is no table of the profile's columns in UTF-8."""
    header = _header(importing)
    files: Sequence[bytes] = (
        b"",
        b"\x00",
        b"\n\n\n",
        header.decode().encode("utf-16"),
        header + b"\xff\xfe\n",
        header + b"a\x00b\n",
        header + b'"never closed\n' * 3,
        header + b"x" * 1_100_000,
        b",".join(b"c%d" % number for number in range(1_000)) + b"\n1\n",
        header.strip() + b"," + header,
        b"=HYPERLINK(1)\n1\n",
        b"PK\x03\x04" + chance.randbytes(500),
        gzip.compress(header * 10_000),
    )
    return chance.choice(files)


def _form(chance: random.Random, importing: Import, file: bytes, *, broken: bool) -> Upload:
    mark = chance.choice((b"x" * 20, b"b" * 70, b"------"))
    name = chance.choice(_NAMES)
    head = b'Content-Disposition: form-data; name="%s"'
    profile = b"--%s\r\n%s\r\n\r\n%s\r\n" % (mark, head % b"profile", importing.profiles[0].name.encode())
    told = head % b"file" + b'; filename="%s"\r\nContent-Type: text/csv' % name
    body = profile + b"--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n" % (mark, told, file, mark)
    return Upload(importing.noun, b"multipart/form-data; boundary=" + mark, body, broken)


def _broken_form(chance: random.Random, form: Upload) -> Upload:
    """What is no form with one file and the name of a profile."""
    _, _, mark = form.kind.partition(b"boundary=")
    twice = form.body.removesuffix(b"--\r\n") + b"\r\n" + form.body
    forms = (
        replace(form, kind=b"multipart/form-data"),
        replace(form, kind=b"multipart/form-data; boundary="),
        replace(form, kind=b"multipart/form-data; boundary=" + b"b" * 10_000),
        replace(form, kind=b"multipart/form-data; boundary=another"),
        replace(form, kind=b"multipart/form-data; boundary=\xff"),
        replace(form, kind=b"text/csv"),
        replace(form, body=b""),
        replace(form, body=form.body[: len(form.body) // 2]),
        replace(form, body=twice),
        replace(form, body=form.body.replace(b'name="profile"', b'name="file"')),
        replace(form, body=form.body.replace(b'name="file"', b'name="' + b"f" * 5_000 + b'"')),
        replace(form, body=form.body.replace(b"maven", b"no-such")),
        replace(form, body=form.body.replace(b'; filename="', b'; other="')),
        replace(form, body=b"--" + mark + b"\r\n" + b"X-Head: 1\r\n" * 500 + b"\r\n\r\n"),
        replace(form, body=gzip.compress(form.body)),
    )
    return chance.choice(forms)
