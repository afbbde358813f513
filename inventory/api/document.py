"""The OpenAPI 3.1 document, generated from the models of requests and responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from inventory.api.endpoint import MAX_BYTES, PROBLEM_KINDS, PROBLEM_MEDIA_TYPE, Endpoint, ProblemDetails
from inventory.api.tokens import Scope

_VERSION = "1.0.0"
"""Version of the API. Members and endpoints may be added within a version; /v1 names it in every address."""

_ALWAYS = ("invalid_request", "no_token", "not_granted", "too_many", "fault", "away")
_WITH_BODY = ("too_large", "wrong_media_type")

_ABOUT = """What devices recorded, read and completed by other systems' programs. Each request carries a token,
`Authorization: Bearer dockvoice_…`, which `dockvoice api token add` makes and shows once. Errors are problem details
(RFC 9457), with the field that is wrong. Answers have an `ETag`: `If-None-Match` saves sending the same again, and
`If-Match` keeps a program from writing over what it has not seen. Members may be added: pass over
what you do not know."""


def build_document(endpoints: Sequence[Endpoint], address: str | None = None) -> dict[str, Any]:
    """Generate the OpenAPI document."""
    models, schemas = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, models)
    kinds = {kind for one in endpoints for kind in _problem_kinds(one)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dockvoice inventory",
            "version": _VERSION,
            "description": " ".join(_ABOUT.split()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": address or "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(one.group for one in endpoints)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
            "responses": {kind: _problem_response(kind) for kind in PROBLEM_KINDS if kind in kinds},
        },
    }


_Models = dict[Any, str]


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[_Models, dict[str, Any]]:
    """By model the reference of its schema, and the schemas by name, without the suffixes of our classes."""
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [(ProblemDetails, "serialization")]
    for one in endpoints:
        if isinstance(one.returns, type):
            wanted.append((one.returns, "serialization"))
        if one.body is not None:
            wanted.append((one.body, "validation"))
    found, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}")
    models = {model: str(schema["$ref"]) for (model, _), schema in found.items()}
    names = {name: name.removesuffix("Out").removesuffix("Details") for name in definitions["$defs"]}
    schemas = {
        names[name]: _rename_references(_allow_new_members(name, schema), names)
        for name, schema in definitions["$defs"].items()
    }
    return {model: _rename_reference(place, names) for model, place in models.items()}, dict(sorted(schemas.items()))


def _rename_reference(reference: str, names: dict[str, str]) -> str:
    before, _, name = reference.rpartition("/")
    return f"{before}/{names[name]}"


def _rename_references(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, list):
        return [_rename_references(one, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # A string title only repeats a class or field name; as the name of a property it is a schema.
    found = {
        key: _rename_references(one, names) for key, one in schema.items() if key != "title" or not isinstance(one, str)
    }
    if isinstance(reference := found.get("$ref"), str):
        found["$ref"] = _rename_reference(reference, names)
    return found


def _allow_new_members(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Responses may gain members; requests with unknown members are refused."""
    is_sent = name.endswith("In")
    return {key: one for key, one in schema.items() if is_sent or key != "additionalProperties"}


def _operation(one: Endpoint, models: _Models) -> dict[str, Any]:
    if isinstance(one.returns, str):
        content: dict[str, Any] = {one.returns: {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": {"$ref": models[one.returns]}}}
    headers = {} if isinstance(one.returns, str) else {"ETag": {"schema": {"type": "string"}, "required": True}}
    answers: dict[str, Any] = {
        str(status): {"description": text, "content": content, "headers": headers}
        for status, text in ({200: "Here it is"} | dict(one.statuses)).items()
    }
    if one.method == "GET" and headers:
        answers["304"] = {"description": "It is as it was", "headers": headers}
    answers |= {str(PROBLEM_KINDS[kind][0]): {"$ref": f"#/components/responses/{kind}"} for kind in _problem_kinds(one)}
    text = f"{one.description} " if one.description else ""
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"{text}The token may {one.scope} there.",
        "tags": [one.group],
        "parameters": [*_parameters(one), *_header_parameters(one)],
        "responses": dict(sorted(answers.items())),
    }
    if one.body is not None:
        body = {"application/json": {"schema": {"$ref": models[one.body]}}}
        operation["requestBody"] = {"required": True, "content": body, "description": f"{MAX_BYTES:,} bytes at most."}
    return operation


def _problem_kinds(one: Endpoint) -> list[str]:
    return [*_ALWAYS, *(_WITH_BODY if one.body is not None else ()), *one.problems]


def _parameters(one: Endpoint) -> list[dict[str, Any]]:
    schema = one.parameters.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in one.path else "query",
            "required": name in required,
            **({"description": of.pop("description")} if "description" in of else {}),
            "schema": of,
        }
        for name, of in (
            (name, _parameter_schema_without_null(of)) for name, of in schema.get("properties", {}).items()
        )
    ]


def _parameter_schema_without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema, without null: it is left out instead."""
    found = {key: one for key, one in schema.items() if key != "title"}
    if found.get("default", "") is None:
        del found["default"]
    kinds = [kind for kind in found.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1 and len(found.get("anyOf", [])) > 1:
        del found["anyOf"]
        found = {**kinds[0], **found}
    return found


def _header_parameters(one: Endpoint) -> list[dict[str, Any]]:
    if one.method == "GET" and not isinstance(one.returns, str):
        text = "The `ETag` of what you have: 304 is the answer where nothing has changed."
        return [{"name": "If-None-Match", "in": "header", "description": text, "schema": {"type": "string"}}]
    if one.scope is Scope.WRITE and "changed_meanwhile" in one.problems:
        text = "The `ETag` of what you looked at: where it is another by now, nothing is written."
        return [{"name": "If-Match", "in": "header", "description": text, "schema": {"type": "string"}}]
    return []


def _problem_response(kind: str) -> dict[str, Any]:
    headers = {"too_many": "Retry-After", "away": "Retry-After", "no_token": "WWW-Authenticate"}
    found: dict[str, Any] = {
        "description": PROBLEM_KINDS[kind][1],
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if kind in headers:
        found["headers"] = {headers[kind]: {"schema": {"type": "string"}}}
    return found
