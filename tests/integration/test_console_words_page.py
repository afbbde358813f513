"""The console's page of words: what was said and not understood, what a word would change, and how it is added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.events import Topics, make_status
from inventory.audit import audit_log
from inventory.site.catalogue import Version
from inventory.site.site_words import EffectKind, SpokenForms, Transcript
from inventory.store.statuses import StatusMessage
from tests.console import Console, console, send
from tests.console.story import apply, put_aside
from tests.dictated import KEY, payload, recorded
from tests.rows import every
from tests.store import drained

DOOR = {"site": "north", "form": "pallet-move", "language": "en", "word": "door", "meaning": "label/dock/"}
ROW = {"form": "pallet-move", "field": "dock", "as": "label", "word": "door", "language": "en"}
SENTENCE = "pallet seven four two twelve units door bravo"
COUNTED = {
    "said": "door #",
    "form": "pallet-move",
    "language": "en",
    "times": 14,
    "recorded": 9,
    "lacking": ["dock"],
    "last": "2026-11-20",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        counts(found)
        yield found


def counts(site: Console, *words: dict[str, Any], device: str = "dock-3") -> None:
    """A device says what it has counted."""
    said = make_status("online", site="north", device=device, key=KEY.public, time=site.place.now())
    told = {"unknown_words": list(words)} if words else {}
    site.store.statuses.record([StatusMessage.read(payload(said | told), Topics("dockvoice", "north", device))])


def waits(site: Console, heard: str = SENTENCE, number: int = 1) -> None:
    """A sentence waits for a person."""
    readings = [{"interpreter": "vosk/small-en-us", "heard": heard, "fields": {}}]
    put_aside(site, number, fields={"pallet_id": "742", "quantity": 12}, readings=readings)


def entered(site: Console, heard: str, dock: str = "B") -> None:
    """An entry on record, with the words that were heard for its dock."""
    one = recorded(1)
    one["data"]["fields"] = {"pallet_id": "742", "quantity": 12, "dock": dock}
    one["data"]["reading"] = {"interpreter": "a model", "heard": {"dock": heard}, "confidence": {"dock": 0.9}}
    apply(site, one)


def history(site: Console) -> list[Version]:
    return site.store.catalogue("north").history("words")


def add(browser: Any, **other: str) -> Any:
    return send(browser, "/words/add", **{**DOOR, "reason": "they say so", "base": "0", **other})


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another field's": ({"word": "pallet"}, "already belongs to &#39;pallet_id&#39;"),
    "its own already": ({"word": "dock"}, "is a label of &#39;dock&#39; already"),
    "a number": ({"word": "seven"}, "is a number, a letter or a filler"),
    "a command": ({"word": "say again"}, "is a command to the device"),
    "no word": ({"word": "<b>7</b>"}, "allowed is words in small letters"),
    "far too long": ({"word": "d" * 61}, "allowed is words in small letters"),
    "a language nobody reads": ({"language": "xx"}, "&#39;xx&#39; is not read here"),
    "the wrong language": ({"language": "deutsch"}, "allowed is a code of two letters"),
}


def test_a_word_that_cannot_be_is_refused_with_why_and_nothing_is_changed(site: Console) -> None:
    with site.client("ana") as browser:

        def is_refused(one: tuple[dict[str, str], str]) -> None:
            given, told = one
            shown = browser.get("/words/one", params={**DOOR, **given})
            answer = add(browser, **given)
            assert (shown.status_code, answer.status_code) == (409, 409)
            assert told in shown.text
            assert told in answer.text
            assert "<b>7" not in answer.text

        every(WRONG, is_refused)
        every([{"site": "nowhere"}, {"form": "../etc"}], lambda given: _is(add(browser, **given), 404))
        every(
            [{"meaning": "label/gate/"}, {"meaning": ""}, {"word": ""}], lambda given: _is(add(browser, **given), 409)
        )
        assert "no reason is given" in add(browser, reason=" ").text
    assert history(site) == []


def _is(answer: Any, code: int) -> None:
    assert answer.status_code == code


def test_what_devices_count_and_what_waits_is_grouped_and_the_most_frequent_comes_first(site: Console) -> None:
    colli = COUNTED | {"said": "# colli", "times": 20, "lacking": ["quantity"], "last": "2026-11-21"}
    counts(site, COUNTED)
    counts(site, COUNTED | {"times": 3, "recorded": 0, "last": "2026-11-22"}, colli, device="dock-4")
    waits(site)
    with site.client("ana") as browser:
        page = browser.get("/words").text
    assert page.index("# colli") < page.index("door #")
    assert '<td class="n">17</td><td class="n">9</td>' in page
    assert "2026-11-22<br><small>dock-3, dock-4</small>" in page
    assert f">{SENTENCE}</a>" in page, "the sentence that waits is an example"
    assert "Dock" in page


def test_a_site_whose_devices_count_nothing_has_what_they_put_aside(site: Console) -> None:
    waits(site)
    with site.client("ana") as browser:
        assert '<td class="n">1</td><td class="n">0</td>' in browser.get("/words").text


def test_it_is_shown_what_would_be_understood_and_one_click_adds_it_to_what_is_published_next(site: Console) -> None:
    counts(site, COUNTED)
    waits(site)
    entered(site, "dock bee")
    with site.client("ana") as browser:
        shown = browser.get("/words/one", params=DOOR).text
        assert "Would be understood: 1" in shown
        assert "Would be read as something else: 0" in shown
        assert "2 in all" in shown
        assert "Of docks the devices have lists of their own" in shown, "of what the inventory does not have, too"
        answer = add(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/catalogue/north/words")
        (made,) = history(site)
        assert [*made.rows] == [ROW]
        assert made.published_at is None
        assert "is not published" in browser.get("/words").text
        assert '<span class="good">added' in browser.get("/words").text
        assert add(browser).status_code == 409, "it is there already"
        sent = send(browser, "/catalogue/publish", site="north", kind="words")
        assert sent.status_code == 303
        assert [one.topic for one in drained(site.store)] == ["dockvoice/north/catalogue/words/latest"]
    with site.place.transaction() as transaction:
        done = [
            line.deed for line in audit_log.load_latest_actions(transaction, 5) if line.deed.deed == "catalogue_changed"
        ]
    assert [(one.who, one.about) for one in done] == [("ana", "north/words")]


def test_what_would_be_read_as_something_else_is_named_and_must_be_accepted(site: Console) -> None:
    """On record is dock B where "dock charlie, door" was heard: with the word, nobody knows which."""
    entered(site, "dock bravo door charlie")
    with site.client("ana") as browser:
        shown = browser.get("/words/one", params=DOOR).text
        assert "Would be read as something else: 1" in shown
        assert "dock bravo door charlie" in shown
        assert 'name="anyway"' in shown
        assert add(browser).status_code == 409
        assert history(site) == []
        assert add(browser, anyway="yes").status_code == 303
    assert len(history(site)) == 1


def test_who_is_second_is_told_and_what_fits_no_form_comes_by_no_way(site: Console) -> None:
    with site.client("ana") as browser:
        assert add(browser).status_code == 303
        late = add(browser, word="gate", base="0")
        assert late.status_code == 409
        assert "ana has made version" in late.text
        base = str(history(site)[0].version)
        cells = {f"cell_{name}": value for name, value in (ROW | {"word": "pallet"}).items()}
        edit = {"site": "north", "kind": "words", "reason": "x", "key": "", "base": base}
        told = send(browser, "/catalogue/edit", **edit, **cells)
        assert told.status_code == 409
        assert "already belongs to" in told.text
    assert len(history(site)) == 1


def test_what_does_not_have_the_word_is_read_as_before_so_that_only_what_has_it_need_be_read(repository: Path) -> None:
    docks = [{"value": value} for value in "ABC"]
    forms = SpokenForms(repository / "schemas" / "forms", {"docks": docks})
    said = [
        Transcript("a", "pallet 742, twelve units, dock B", {}),
        Transcript("b", "pallet 742, twelve units", {}),
        Transcript("c", SENTENCE, {}),
        Transcript("d", "Door, C.", {}),
        Transcript("e", "hello", {}),
    ]
    trial = forms.try_word(ROW, said)
    assert [(one.said.about, one.becomes) for one in trial.changes] == [("c", EffectKind.WHOLE), ("d", EffectKind.MORE)]
    assert trial.looked_at == 5
    units = [one.key for one in forms.meanings("receive-notice")]
    assert {"unit/quantity/CS", "unit/quantity/EA", "label/quantity/"} <= set(units)
    assert forms.faults_of_word(ROW | {"form": "gone"})[0].startswith("'gone': is no form here; there are")
