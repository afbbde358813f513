"""Parsers that nobody here wrote: of AsyncAPI and of OpenAPI, as the Makefile pins them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inventory.api.app import ENDPOINTS
from tests.console.api import described
from tests.processes.node import node

PARSE = """
import {Parser, fromFile} from "@asyncapi/parser";
const {document, diagnostics} = await fromFile(new Parser(), process.argv[2]).parse();
const messages = document.allMessages().all();
console.log(JSON.stringify([messages.map(one => one.examples().all().length), diagnostics.map(one => one.message)]));
"""

OPENAPI = """
import {readFileSync} from "node:fs";
import {dereference, validate} from "@readme/openapi-parser";
const given = readFileSync(0, "utf8");
const {valid, errors} = await validate(JSON.parse(given));
if (!valid) throw new Error(JSON.stringify(errors));
const found = await dereference(JSON.parse(given));
const operations = Object.values(found.paths).flatMap(one => Object.values(one)).map(one => one.operationId);
console.log(JSON.stringify([found.openapi, operations]));
"""


def test_the_parser_of_asyncapi_finds_nothing_wrong(repository: Path) -> None:
    examples, found = node(repository, PARSE, str(repository / "schemas" / "asyncapi.yaml"))
    assert found == []
    assert isinstance(examples, list)
    assert min(examples) >= 1


def test_a_parser_of_openapi_takes_the_description_of_the_api(repository: Path) -> None:
    version, operations = node(repository, OPENAPI, given=json.dumps(described()))
    assert version == "3.1.0"
    assert sorted(map(str, operations)) == sorted(one.name for one in ENDPOINTS)  # type: ignore[call-overload] # a list


def test_a_parser_of_openapi_would_find_a_fault(repository: Path) -> None:
    faulty = {**described(), "paths": {"/v1/entries": {"get": {"responses": {"200": {"$ref": "#/components/no"}}}}}}
    with pytest.raises(AssertionError, match="no"):
        node(repository, OPENAPI, given=json.dumps(faulty))
