"""Validators that nobody here wrote: Ajv, as it comes, and AsyncAPI's own parser, as the Makefile pins them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

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


def node(repository: Path, program: str, *arguments: str, given: str = "") -> list[object]:
    script = repository / ".cache" / "node" / "asked.mjs"  # where its modules are found
    script.write_text(program)
    ended = subprocess.run(["node", script, *arguments], input=given, capture_output=True, text=True, check=False)
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
