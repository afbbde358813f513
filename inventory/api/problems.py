"""Error responses by RFC 9457 (problem details), which name the wrong field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

KINDS: Mapping[str, tuple[int, str]] = {
    "invalid_request": (400, "The request breaks its description"),
    "no_token": (401, "A token is needed"),
    "not_granted": (403, "The token was not made for this"),
    "unknown": (404, "There is nothing of this name"),
    "wrong_method": (405, "This is done by another method"),
    "not_possible": (409, "It cannot be done as things are"),
    "changed_meanwhile": (412, "Somebody else has changed it since"),
    "too_large": (413, "The message is too large"),
    "wrong_media_type": (415, "The message must be JSON"),
    "breaks_rules": (422, "What is to be written breaks a rule"),
    "too_many": (429, "Too many requests"),
    "fault": (500, "The program has a fault"),
    "away": (503, "The database or the broker does not answer"),
}
"""The status and title of each problem type, by the last part of `type`. `detail` and `errors` say more."""


class Wrong(BaseModel):
    """One fault and its place in the body or the query."""

    model_config = ConfigDict(extra="forbid")

    detail: str = Field(description="What was found, what is allowed, what to do.")
    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer: `/lines/3/quantity`.")
    parameter: str | None = Field(None, description="Which parameter of the address.")
    header: str | None = Field(None, description="Which header.")


class ProblemDetails(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(title="Problem", extra="forbid")

    type: str = Field(description="`urn:dockvoice:problem:` and what kind it is.")
    title: str = Field(description="What kind it is, for a person.")
    status: int = Field(description="The HTTP status once more.")
    detail: str = Field(description="What happened this time, and what to do.")
    errors: list[Wrong] | None = Field(None, description="Each thing that is wrong.")


class Problem(Exception):
    """Raised to answer with problem details."""

    def __init__(
        self, kind: str, detail: str, errors: Sequence[Wrong] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """`kind` is one of `KINDS`."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The HTTP response with the problem details."""
        status, title = KINDS[self.kind]
        said = ProblemDetails(
            type=f"urn:dockvoice:problem:{self.kind}",
            title=title,
            status=status,
            detail=self.detail,
            errors=self.errors or None,
        )
        return Response(said.model_dump_json(exclude_none=True), status, self.headers, MEDIA_TYPE)


def from_validation_error(fault: ValidationError, where: str) -> list[Wrong]:
    """Convert pydantic's errors, leaving out the values, which may be an operator's words or a misplaced secret.

    `where`: pointer or parameter.
    """
    return [_to_field_error(where, error) for error in fault.errors(include_url=False, include_input=False)]


def _to_field_error(where: str, error: Any) -> Wrong:
    detail = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        detail = "is not known; leave it out"
    if where == "parameter":
        return Wrong(detail=detail, parameter=str(error["loc"][0]) if error["loc"] else None)
    return Wrong(detail=detail, pointer="".join(f"/{_escape_pointer(step)}" for step in error["loc"]))


def _escape_pointer(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


_CELL = re.compile(r"(?P<where>/\S+), columns? (?P<column>\w+)[^:]*: (?P<detail>.*)", re.DOTALL)
_ROW = re.compile(r"(?P<where>/\S+?)[,:] (?P<detail>.*)", re.DOTALL)


def from_row_faults(faults: Iterable[str]) -> list[Wrong]:
    """Convert faults of rows, worded as for files (`/rows/3, column uom: …`), each with a pointer to its cell."""
    found = []
    for fault in faults:
        if cell := _CELL.fullmatch(fault):
            found.append(Wrong(detail=cell["detail"], pointer=f"{cell['where']}/{cell['column']}"))
        elif row := _ROW.fullmatch(fault):
            found.append(Wrong(detail=row["detail"], pointer=row["where"]))
        else:
            found.append(Wrong(detail=fault))
    return found
