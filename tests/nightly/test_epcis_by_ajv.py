"""What is exported, and what is broken on purpose, before GS1's JSON Schema as Ajv reads it, every format checked."""

from __future__ import annotations

import json
from pathlib import Path

from tests.epcis import SCHEMA, a_day, exported, with_urns
from tests.epcis.broken import broken, whole
from tests.processes.node import node

VALIDATE = """
import {readFileSync} from "node:fs";
import Ajv from "ajv";
import formats from "ajv-formats";
const ajv = formats(new Ajv({strict: false}));
const valid = ajv.compile(JSON.parse(readFileSync(process.argv[2])));
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(one => valid(one) ? [] : valid.errors.map(e => e.message))));
"""


def by_ajv(repository: Path, *documents: object) -> list[object]:
    return node(repository, VALIDATE, str(SCHEMA), given=json.dumps(documents))


def test_what_is_exported_is_valid(repository: Path) -> None:
    documents = [exported(a_day())[0], exported(a_day(), with_urns())[0], whole()]
    assert by_ajv(repository, *documents) == [[], [], []]


def test_the_schema_refuses_some_of_the_broken_ones_and_the_check_all(repository: Path) -> None:
    documents = broken()
    found = by_ajv(repository, *(document for _, document in documents.values()))
    taken = {name for name, faults in zip(documents, found, strict=True) if not faults}
    print(f"{len(documents)} broken documents: the check refuses all, GS1's schema {len(documents) - len(taken)}")
    assert {"quantity is 0", "a case that is weighed", "parentID is 'https://id.gs1.org/00/742'"} <= taken
    assert 50 < len(taken) < len(documents) - 50
