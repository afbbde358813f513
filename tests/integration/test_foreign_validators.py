"""Validators that nobody here wrote: Ajv, as it comes, and parsers of AsyncAPI and OpenAPI, as in the Makefile."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from inventory.api.app import ENDPOINTS
from tests.api import described
from tests.unit.test_schemas import published

COMPILE = """
import {readFileSync} from "node:fs";
import Ajv from "ajv/dist/2020.js";
const said = [];
const logger = {log: t => said.push(t), warn: t => said.push(t), error: t => said.push(t)};
const schemas = JSON.parse(readFileSync(0));
for (const [name, schema] of Object.entries(schemas)) {
    try { new Ajv({logger}).compile(schema); } catch (fault) { said.push(`${name}: ${fault.message}`); }
}
console.log(JSON.stringify([Object.keys(schemas).length, said]));
"""

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


def node(repository: Path, program: str, *arguments: str, given: str = "") -> list[object]:
    # Where its modules are found; a name of its own, since other tests ask too.
    script = repository / ".cache" / "node" / f"asked-{os.getpid()}.mjs"
    script.write_text(program)
    ended = subprocess.run(["node", script, *arguments], input=given, capture_output=True, text=True, check=False)
    script.unlink()
    assert ended.returncode == 0, ended.stderr
    said: list[object] = json.loads(ended.stdout)
    return said


def test_ajv_in_its_strict_mode_compiles_every_schema(repository: Path) -> None:
    schemas = published(repository / "schemas")
    assert node(repository, COMPILE, given=json.dumps(schemas)) == [len(schemas), []]


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
