"""The API for tests: asked over HTTP as a program does, each answer held against the description that it is given."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from inventory.api import tokens
from inventory.api.app import ENDPOINTS, create_app
from inventory.api.document import build_document
from inventory.api.tokens import Scope
from tests.console import Console


@cache
def described() -> dict[str, Any]:
    """What programs are told of the API."""
    return build_document(ENDPOINTS)


class Program(TestClient):
    """A program that believes what it is told: an answer that is not as described fails the test."""

    def request(self, method: str, url: Any, **how: Any) -> Any:
        answer = super().request(method, url, **how)
        demand_described(method, answer.request.url.path, answer)
        return answer


def demand_described(method: str, path: str, answer: Any) -> None:
    """Fail where the answer is none of those that the description has for it."""
    template = next((one for one in described()["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path)), None)
    operation = described()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        return
    found = operation["responses"].get(str(answer.status_code))
    assert found is not None, f"{method} {path}: {answer.status_code} is not described: {answer.text[:500]}"
    while "$ref" in found:
        found = described()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    for name, of in found.get("headers", {}).items():
        assert not of.get("required") or name in answer.headers, f"{method} {path}: {name} is lacking"
    if "content" not in found:
        assert answer.content == b""
        return
    kind = answer.headers["content-type"]
    schema = found["content"][kind]["schema"]
    if kind.endswith("json"):
        validator = Draft202012Validator({**schema, "components": described()["components"]})
        assert [one.message for one in validator.iter_errors(answer.json())] == []


def token(site: Console, name: str = "erp", **grants: Scope) -> str:
    """A token of a program that may do so much at these sites; everything at `north` where none is named."""
    tokens.create_or_check_tokens(site.engine)
    with site.place.transaction() as transaction:
        return tokens.add_token(transaction, name, grants or {"north": Scope.WRITE}, "ana", site.place.now())


def program(site: Console, name: str = "erp", **grants: Scope) -> Program:
    """A program with a token of its own."""
    secret = token(site, name, **grants)
    return Program(create_app(site.place), headers={"authorization": f"Bearer {secret}"}, raise_server_exceptions=False)
