"""A validator of JSON Schema that nobody here wrote: Ajv, as it comes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.processes.node import node
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


def test_ajv_in_its_strict_mode_compiles_every_schema(repository: Path) -> None:
    schemas = published(repository / "schemas")
    assert node(repository, COMPILE, given=json.dumps(schemas)) == [len(schemas), []]
