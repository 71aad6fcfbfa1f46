"""What docs/api.md shows to paste runs against a stack, and is answered exactly as the document shows."""

import re
from collections.abc import Iterator, Sequence

import pytest

from deploy.local.stack import ROOT
from tests.docs.pasted import Block, paste, steps
from tests.docs.shapes import differences, documents, fits
from tests.stack import RunningStack, on_the_stack

SHOWN = steps((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))

# What conventions there are to see, by what is pasted or what answers it.
SEEN = (
    "sort=", "[gte]=", "[in]=", "fields=", "count=true", "HTTP/1.1 304", "Idempotency-Key", "idempotency-replayed",
    "If-Match", "HTTP/1.1 412", '"current"', "/by-external-id/", "-X DELETE", '"dependants"', "/restoration",
    "/history", "as_of=", "/v1/changes?since=", '"errors"',
)  # fmt: skip


@pytest.fixture(scope="module")
def answers(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """What each request printed; those fail that are shown as refused, and those alone."""
    told = paste(stack, SHOWN, tmp_path_factory.mktemp("api") / "api.sh")
    assert list(told.failed) == [step.lines[-1] for step in SHOWN if refused(step.answer)]
    return told.answers


def refused(shown: Block) -> bool:
    """Whether the answer that is shown is no success."""
    return re.match(r"HTTP/\S+ [345]", shown.text) is not None


def wrong(shown: Block, told: str) -> Iterator[str]:
    """In what an answer is not what is shown, a sentence each; of its head the lines that are shown are there."""
    head, _, body = shown.text.partition("\n\n") if shown.kind == "http" else ("", "", shown.text)
    answered, _, rest = told.strip().partition("\n\n") if shown.kind == "http" else ("", "", told)
    for line in head.splitlines():
        if not any(fits(line, each) for each in answered.splitlines()):
            yield f"{line!r} is not in {answered!r}"
    yield from differences(documents(body), documents(rest), exact=True)


@on_the_stack
@pytest.mark.parametrize("number", range(len(SHOWN)), ids=[step.lines[-1][:60] for step in SHOWN])
def test_a_request_is_answered_as_is_shown(answers: Sequence[str], number: int) -> None:
    assert list(wrong(SHOWN[number].answer, answers[number])) == []


@pytest.mark.parametrize("convention", SEEN)
def test_a_convention_is_shown(convention: str) -> None:
    assert any(convention in text for step in SHOWN for text in (*step.lines, step.answer.text))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ('HTTP/1.1 200 OK\netag: "1"\n\n{"version": 1, "…": "…"}', []),
        ('HTTP/1.1 201 Created\n\n{"…": "…"}', ["'HTTP/1.1 201 Created' is not in"]),
        ('HTTP/1.1 200 OK\netag: "2"\n\n{"…": "…"}', ["'etag: \"2\"' is not in"]),
        ('HTTP/1.1 200 OK\n\n{"version": 2, "…": "…"}', ["answer.0.version is 1, not 2"]),
        ("HTTP/1.1 200 OK\n", ["answer has 1 entries, not 0"]),
    ],
)
def test_what_is_shown_wrongly_is_told(shown: str, said: list[str]) -> None:
    told = 'HTTP/1.1 200 OK\nserver: x\netag: "1"\n\n{"id": "a", "version": 1}\n'
    found = list(wrong(Block("http", shown), told))
    assert [each.startswith(begin) for each, begin in zip(found, said, strict=True)] == [True] * len(said)
