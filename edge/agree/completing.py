"""An entry that lacks an answer: what was read before, and what the answer gives, become one reading to decide on.

Pure, as `decide` is. Whoever asks keeps the pending entry, and comes back with the reading of what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.agree.decide import Rules, decide
from edge.records import Act, Closing, FieldReading, Outcome, Reading, Verdict


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that is not whole yet."""

    reading: Reading
    """All that was said for it so far."""
    asked: str
    """The field that was asked for, or that the operator puts right."""
    correcting: bool = False
    """The operator heard the field read back wrong: what stood before is not what was meant."""


def completed(pending: Pending, answer: Reading, closing: Closing, rules: Rules) -> tuple[Reading, Verdict]:
    """The entry with its answer, and the verdict on it; `closing` is why the answer ended.

    An answer in which no field can be read, or whose end was not heard, changes nothing: the same field is asked for
    again. The field asked for takes the value that the answer gives. Said twice and read alike it is surer than once.
    What the answer says beside it fills a field that was not heard; where it contradicts one that was, that field is
    in doubt and will be asked for.
    """
    said = replace(answer, act=Act.RECORD) if answer.act is Act.AMEND else answer
    if not said.fields or decide(said, closing, rules).outcome in {Outcome.IGNORE, Outcome.REPEAT}:
        return pending.reading, _still_asked(pending, rules)
    merged = replace(pending.reading, fields=_merged(pending, answer.fields), not_understood=None)
    return merged, decide(merged, closing, rules)


def _still_asked(pending: Pending, rules: Rules) -> Verdict:
    before = decide(pending.reading, Closing.PAUSE, rules)
    stands = {name: value for name, value in before.fields.items() if name != pending.asked}
    return replace(before, outcome=Outcome.ASK, fields=stands, ask=pending.asked)


def _merged(pending: Pending, answered: Mapping[str, FieldReading]) -> Mapping[str, FieldReading]:
    fields = dict(pending.reading.fields)
    for name, said in answered.items():
        before = fields.get(name)
        if before is None or (name == pending.asked and pending.correcting):
            fields[name] = said
        elif name == pending.asked:
            fields[name] = _answered(before, said)
        else:
            fields[name] = _beside(before, said)
    return fields


def _answered(before: FieldReading, said: FieldReading) -> FieldReading:
    """The answer counts. Agreement of two sayings is worth what two independent witnesses are worth.

    1 - (1 - a)(1 - b): both would have to be misheard, and as the same value.
    """
    if said.value is None or said.rivals or said.value != before.value:
        return said
    sure = 1 - (1 - before.confidence) * (1 - said.confidence)
    return replace(said, confidence=sure, confirmed=True)


def _beside(before: FieldReading, said: FieldReading) -> FieldReading:
    """A field said again that nobody asked for: alike it changes nothing, else neither value is certain."""
    if said.value is None or said.value == before.value:
        return before
    if before.value is None:
        return said
    return replace(before, rivals=tuple(dict.fromkeys((*before.rivals, said.value))))
