"""What a system behind the inventory did not take comes back into the operator's ear: once, in his language."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import MalformedMessage, to_json_bytes
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.mqtt import MessageReceived
from dockvoice_protocol.signed import DeclinedPosting, Forged, ReviewDecision, sign_decision, sign_declined
from edge.agent.dialogue_driver import VoiceOrder
from edge.agent.review_decisions import (
    DecisionHandler,
    StaleDecision,
    carry_out_signed_decision,
    carry_out_signed_decisions,
)
from edge.agent.review_delivery import DecisionInbox
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import OfficeDecided, OfficeDecision
from edge.agree.dialogue.review import render_declined
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say
from edge.speak.wording import Phrasing, words_by_code
from inventory.connect.ports import DeclineReason
from tests.rows import each_of
from tests.unit.test_dialogue_driver import OTHER, WHOLE, Bench

SOURCE = "/sites/north/devices/dock-3"
NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def inbox(executor: JournalThread, signer: Signer) -> DecisionInbox:
    return DecisionInbox(signer.public, SOURCE, executor, lambda: None, lambda: None)


def message(word: DeclinedPosting, signer: Signer) -> bytes:
    return to_json_bytes(sign_declined(word, signer, NOW))


def test_a_word_that_nobody_signed_for_this_device_and_for_this_is_none(tmp_path: Path, signer: Signer) -> None:
    word = DeclinedPosting(SOURCE, "01999f2e-7c1a-7b3e-9d2f-3c5a7e9b1d42", "lot_missing", "tryton")
    other = Signer(Ed25519PrivateKey.generate())
    with JournalThread(tmp_path) as executor:
        read = inbox(executor, signer).verify_and_parse
        assert read(message(word, signer)) == word
        for payload, fault in (
            (message(word, other), Forged),
            (message(word, signer).replace(b"lot_missing", b"lot_unknown"), Forged),
            (message(replace(word, source="/sites/north/devices/dock-4"), signer), MalformedMessage),
            (message(word, signer).replace(b"lot_missing", b"Lot missing!"), MalformedMessage),
        ):
            with pytest.raises(fault):
                read(payload)
        decision = ReviewDecision(SOURCE, word.entry, word.entry, "discard", {}, "ann", "a test")
        moved = {**sign_declined(word, signer, NOW), "signature": sign_decision(decision, signer, NOW)["signature"]}
        with pytest.raises(Forged):  # a signature is made for one purpose
            read(to_json_bytes(moved))


async def commit(bench: Bench, text: str) -> str:
    await bench.say(text)
    row = await bench.say("yes")
    assert row is not None
    return row.event_id


async def take(executor: JournalThread, bench: Bench, word: DeclinedPosting, signer: Signer, state: Path) -> None:
    """As the agent does when the broker hands it over: kept, then carried out."""
    at = inbox(executor, signer)
    await at.verify_and_store(MessageReceived("dockvoice/north/dock-3/decisions", message(word, signer), token=1))
    decisions = DecisionHandler(Settings(state_directory=state), executor, bench.conversing, lambda: None)
    with suppress(TimeoutError):
        await asyncio.wait_for(
            carry_out_signed_decisions(executor, asyncio.Event(), at.verify_and_parse, decisions.decide_signed), 0.3
        )


def told(bench: Bench) -> list[Say]:
    return [order for order in bench.heard if isinstance(order, Say) and order.prompt is Prompt.DECLINED]


def test_it_is_heard_when_nothing_is_open_and_once_however_often_it_comes(
    tmp_path: Path, rules: Rules, signer: Signer
) -> None:
    async def play(executor: JournalThread) -> None:
        bench = Bench(executor, rules, undo_s=60)
        await bench.conversing.start()
        word = DeclinedPosting(SOURCE, await commit(bench, WHOLE), "lot_missing", "tryton")
        await bench.say(OTHER)  # read back, and held: no time for news
        await take(executor, bench, word, signer, tmp_path)
        assert told(bench) == []
        await bench.say("yes")
        assert [(dict(say.fields), say.slots) for say in told(bench)] == [
            ({"pallet_id": "742"}, {"reason": "lot_missing"})
        ]
        at = bench.heard.index(told(bench)[0])
        assert bench.heard[at - 1] == PlayEarcon(Earcon.REFUSED)
        await take(executor, bench, word, signer, tmp_path)
        assert len(told(bench)) == 1
        assert await executor(lambda journal: journal.orders.count_not_done()) == {"repeated": 1}
        assert await executor(lambda journal: journal.outbox.count_unsettled()) == 2  # the entry stands
        (decision,) = await executor(lambda journal: journal.queries.history(word.entry).decisions)
        assert (decision.decision, decision.who, decision.reason) == ("declined", "tryton", "lot_missing")

    with JournalThread(tmp_path) as executor:
        asyncio.run(play(executor))


def test_a_power_cut_before_it_was_heard_loses_nothing_and_after_it_repeats_nothing(
    tmp_path: Path, rules: Rules, signer: Signer
) -> None:
    words: list[DeclinedPosting] = []

    async def cut_off(executor: JournalThread) -> None:
        bench = Bench(executor, rules, undo_s=60)
        await bench.conversing.start()
        words.append(DeclinedPosting(SOURCE, await commit(bench, WHOLE), "lot_missing", "tryton"))
        await bench.say(OTHER)
        await take(executor, bench, words[0], signer, tmp_path)
        assert told(bench) == []

    async def next_start(executor: JournalThread) -> list[VoiceOrder]:
        bench = Bench(executor, rules, undo_s=60)
        await bench.conversing.start()
        await bench.say("yes")
        return bench.heard

    with JournalThread(tmp_path) as executor:
        asyncio.run(cut_off(executor))
    heard = []
    for _ in range(2):
        with JournalThread(tmp_path) as executor:
            heard.append(asyncio.run(next_start(executor)))
    assert [sum(isinstance(one, Say) and one.prompt is Prompt.DECLINED for one in each) for each in heard] == [1, 0]


def test_what_was_corrected_since_or_never_was_is_told_to_nobody(tmp_path: Path, rules: Rules, signer: Signer) -> None:
    async def play(executor: JournalThread) -> str:
        bench = Bench(executor, rules, undo_s=60)
        await bench.conversing.start()
        first = await commit(bench, WHOLE)
        await bench.say("correction fourteen units")
        await bench.say("yes")
        return first

    settings = Settings(state_directory=tmp_path)
    with JournalThread(tmp_path) as executor:
        first = asyncio.run(play(executor))
    with Journal.open(tmp_path) as journal:
        with pytest.raises(StaleDecision, match="was corrected or cancelled since"):
            carry_out_signed_decision(journal, settings, DeclinedPosting(SOURCE, first, "lot_missing", "tryton"))
        with pytest.raises(UnreadableInput, match="is no entry of this device"):
            carry_out_signed_decision(journal, settings, DeclinedPosting(SOURCE, "nobody's", "lot_missing", "tryton"))


@each_of("language", LANGUAGES)
def test_every_reason_has_a_name_in_every_language(language: str, rules: Rules) -> None:
    names = words_by_code("reasons", language)
    assert {why.value for why in DeclineReason} <= names.keys()
    phrasing = Phrasing(rules.form, language)
    for why in (*DeclineReason, "something_new"):
        say = render_declined(
            {"pallet_id": "742"}, OfficeDecided("1", OfficeDecision.DECLINED, {"pallet_id": "742"}, why=why)
        )
        spoken = phrasing.text(say)
        assert "7 4 2" in spoken
        assert names.get(why, "something new") in spoken
