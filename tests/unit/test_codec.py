"""Readings and drafts as they lie in journals are read, and written as they lie there."""

from __future__ import annotations

import json
from dataclasses import replace

from dockvoice_protocol.records import (
    Act,
    Command,
    FieldReading,
    FieldValue,
    NotUnderstoodReason,
    Reading,
    ScanFault,
    Usage,
    Word,
)
from edge.keep.codec import draft_json, parse_draft, parse_reading, reading_json
from edge.records import Draft

READING = """{"interpreter":"panel","form":"pallet-move","act":"amend","command":null,
    "words":[{"text":"pallet","start":0.1,"end":1e-07,"confidence":1.0}],
    "fields":{"pallet_id":{"value":"007","words":["oh"],"confidence":0.98,"rivals":["B",12],"confirmed":true,
        "runner_up":9,"calibrated":false}},
    "not_understood":null,
    "usage":{"client":"c","model":"m","text_tokens_in":1,"audio_tokens_in":2,"tokens_out":3,"audio_seconds":0.5,
        "request_id":"r","cost_usd":null},
    "opinions":[{"interpreter":"o","form":"pallet-move","act":"command","command":"help","words":[],"fields":{},
        "not_understood":"talk","usage":null,"opinions":[]}]}"""
"""As it lies in a journal."""

DRAFT = f"""{{"utterance_id":"u","form":"pallet-move","operator":"op-17","act":"amend","replaces":"e","support":["v"],
    "agreed":["dock=B"],"proved":["dock=B"],"reading":{READING}}}"""

MEANT = Reading(
    "panel",
    "pallet-move",
    (Word("pallet", 0.1, 1e-07, 1.0),),
    {"pallet_id": FieldReading("007", ("oh",), 0.98, ("B", 12), runner_up=9)},
    act=Act.AMEND,
)
WHOLE = replace(
    MEANT,
    usage=Usage("c", "m", 1, 2, 3, 0.5, "r"),
    opinions=(
        Reading("o", "pallet-move", (), {}, NotUnderstoodReason.TALK, Act.COMMAND, Command.HELP, deferrable=True),
    ),
    deferrable=True,
)
OPINIONS = (replace(WHOLE.opinions[0], deferrable=False),)
HELD = Draft(
    "u", "pallet-move", replace(MEANT, opinions=OPINIONS), "op-17", Act.AMEND, "e", ("v",), ("dock=B",), ("dock=B",)
)


def test_a_reading_is_read_with_its_opinions_and_without_its_usage() -> None:
    assert parse_reading(json.loads(READING)) == replace(MEANT, opinions=OPINIONS)


def test_what_was_scanned_stays_marked_so() -> None:
    field = replace(next(iter(WHOLE.fields.values())), scanned=True)
    reading = replace(WHOLE, fields={"pallet_id": field}, not_understood=ScanFault.TWO_WAYS)
    again = parse_reading(json.loads(reading_json(reading)))
    assert (again.fields["pallet_id"].scanned, again.not_understood) == (True, ScanFault.TWO_WAYS)


def test_a_reading_is_written_as_ever() -> None:
    assert json.loads(reading_json(WHOLE)) == json.loads(READING)


def test_values_of_every_kind_come_back_as_they_were_written() -> None:
    values: list[FieldValue] = ["007", 7, 52.5, 0.1, -18.0, True, False, "2027-03-05", ("A1", "007")]
    read = replace(MEANT, fields={str(at): FieldReading(one, (), 1.0, (one,)) for at, one in enumerate(values)})
    back = parse_reading(json.loads(reading_json(read))).fields.values()
    assert [(type(one.value), one.value, one.rivals) for one in back] == [(type(one), one, (one,)) for one in values]


def test_a_draft_is_read_and_written_as_ever() -> None:
    assert parse_draft(DRAFT) == HELD
    written = draft_json(replace(HELD, reading=WHOLE))
    assert written is not None
    assert json.loads(written) == json.loads(DRAFT)
    assert (draft_json(None), parse_draft(None)) == (None, None)


def test_a_draft_is_read_with_the_orders_that_wait_behind_it() -> None:
    order = replace(HELD, utterance_id="v", act=Act.CANCEL)
    whole = replace(HELD, behind=(order, replace(order, utterance_id="w")))
    assert parse_draft(draft_json(whole)) == whole
