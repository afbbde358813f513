"""The page of a dossier: one HTML file to read, play and print on A4, without scripts and external resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from html import escape as in_html
from typing import Any

from dockvoice_protocol.instants import find_zone, format_local, to_zone
from dockvoice_protocol.terminal.plain_text import escape_line
from dockvoice_protocol.trailer_count import DETAILS
from inventory.verify_dossier import (
    DeviceEvent,
    EntryHistory,
    Json,
    find_list_fault,
    find_seal_fault,
    heard_at,
    moment,
    parsed,
    read_events,
)
from inventory.words import languages, load_texts

LANGUAGES = languages("dossier")

_FIGURES = ("expected", "good", "damaged", "refused", "over", "short", "missing", "not_announced")
_BESIDE = ("damage_reported", "said_short", "said_over")  # Shown if not empty.

_AMISS = ("over", "short", "missing", "not_announced")  # Statuses of which a carrier is asked.

_STYLE = """
:root{color-scheme:light dark;--line:#8888;--soft:#8882;--bad:#b00020;--good:#1b6e2c}
@media(prefers-color-scheme:dark){:root{--bad:#ff8a94;--good:#7fd492}}
body{font:1rem/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:80rem}
h1{margin:.2em 0}h2{margin:1.6em 0 .3em}
dl{display:grid;grid-template-columns:max-content auto;gap:.15rem 1rem;margin:.8rem 0}dt{opacity:.75}dd{margin:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}caption{text-align:left;opacity:.75;padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line)}td.n{text-align:right;white-space:nowrap}
tr:target{background:var(--soft)}
.bad{color:var(--bad);font-weight:600}.good{color:var(--good)}small{opacity:.8}
.note{border-left:.3rem solid var(--bad);padding:.3rem .8rem;background:var(--soft);margin:.4rem 0}
code{font-size:.85em;overflow-wrap:anywhere}audio{height:2rem;width:14rem;max-width:100%;display:block}
s{opacity:.6}
@page{size:A4 landscape;margin:12mm}
@media print{:root{color-scheme:light}body{padding:0;max-width:none;font-size:9.5pt}
audio{display:none}.wide{overflow:visible}th,td{padding:.15rem .4rem}
tr,.note,.few{break-inside:avoid}h2{break-after:avoid}thead{display:table-header-group}
a{color:inherit;text-decoration:none}}
"""

_FEW = 12  # Rows of a table that is kept on one sheet.

_SHORT = 12  # Digits of a hash short enough to read aloud; dossier.json has all.


def render_page(content: Json, files: Mapping[str, bytes], keyid: str) -> str:
    """The page of dossier.json and its files; `keyid` is the signing key's."""
    return _Page(content, files, keyid).render()


class _Page:
    def __init__(self, content: Json, files: Mapping[str, bytes], keyid: str) -> None:
        self._of = content
        self._files = files
        self._keyid = keyid
        self._words = load_texts(content["language"], "dossier")
        self._zone = _time_zone(content["zone"])
        self._said = read_events(content, files)
        self._story = EntryHistory(self._said, content["forms"])
        self._numbers = {one.id: number for number, one in enumerate(self._said, 1)}
        self._keys = {(one["device"], one["keyid"]): files[f"keys/{one['keyid']}.pub"] for one in content["keys"]}
        self._seals = {one.id: self._fault(one.event) for one in self._said}

    def render(self) -> str:
        title = self._text("title", trailer=self._of["trailer"])
        parts = [self._head(), *self._notes(), self._figures_table(), self._pallet_table(), self._entries()]
        parts += [self._reviews_table(), self._refused_table(), self._lists_table(), self._key_table()]
        policy = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file:"
        return (
            f'<!doctype html>\n<html lang="{escape(self._of["language"])}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{title}</h1>\n" + "\n".join(part for part in parts if part) + "\n</main>\n</body>\n</html>\n"
        )

    def _text(self, key: str, **values: object) -> str:
        return escape(self._words[key].format(**values))

    def _head(self) -> str:
        visit, words = self._of["visit"], self._text
        closed = words("still_open") if visit["closing"] is None else self._time(visit["closed_at"])
        notices = sorted({notice for line in self._of["lines"] for notice in line["notices"]})
        rows = {
            "site": escape(self._of["site"]),
            "visit": words("visit_of", number=visit["number"], of=visit["of"]),
            "began": self._time(visit["began"]),
            "closed": closed,
            **_dossier_version_texts(self._of, self._words),
            "as_of": self._time(self._of["as_of"]),
            "notices": escape(", ".join(notices)) or words("none"),
            "key": f"<code>{escape(self._keyid)}</code>",
        }
        parts = "".join(f"<dt>{words(name)}</dt><dd>{value}</dd>" for name, value in rows.items())
        zone = words("times", zone=str(self._zone))
        return f"<dl>{parts}</dl>\n<p><small>{zone} {words('how')}</small></p>"

    def _notes(self) -> Iterator[str]:
        figures = self._of["figures"]
        notes = [] if self._of["visit"]["closing"] else [self._text("open_note")]
        notes += map(escape, _changes_since_last_version(self._of, self._words))
        if figures["reviews"]["open"]:
            notes.append(self._text("review_note", count=figures["reviews"]["open"]))
        notes += [
            self._text("gap", first=one["from"], last=one["to"], device=one["device"])
            for one in self._of["still_to_come"]
        ]
        if any(self._seals.values()):
            notes.append(self._text("broken_note"))
        if any(not one["lines"] for one in self._announcements()):
            notes.append(self._text("withdrawn_note"))
        return (f'<p class="note">{note}</p>' for note in notes)

    def _figures_table(self) -> str:
        figures = self._of["figures"]
        shown = [name for name in (*_FIGURES, *_BESIDE) if name in _FIGURES or figures[name]]
        rows = [(self._text("pallets"), self._text("pallets_told", **figures["pallets"]))]
        rows += [(self._text(name), self._units(figures[name]) or "0") for name in shown]
        body = [f'<tr><th scope="row">{name}</th><td>{parts}</td></tr>' for name, parts in rows]
        return self._table("figures", ("what", "quantity"), body)

    def _pallet_table(self) -> str:
        rows = []
        for line in self._of["lines"]:
            details = [self._text(role, value=one) for role in DETAILS for one in line["details"].get(role, ())]
            item = escape(line["item"] or "") + (
                f" <small>{self._text('by_notice')}</small>" if line["item_by_notice"] else ""
            )
            unlike = {*line["expected"]} - {*line["good"], *line["damaged"], *line["refused"]}
            if unlike and line["base"]:
                details.append(self._text("base", quantity=self._units(line["base"])))
            whole = line["status"] == "as_expected" and not (line["damaged"] or line["refused"])
            mark = "good" if whole else "bad" if line["status"] in _AMISS else ""
            sentences = [before for one in line["entries"] for before in self._with_former(self._story.by_id[one])]
            said = "".join(self._link(one.id) + self._clip(one.recordings[0], one.id) for one in sentences)
            damaged = [self._units(line["damaged"])]
            damaged += [
                f"<small>{self._text(name)}: {self._units(line[name])}</small>" for name in _BESIDE if line[name]
            ]
            rows.append(
                f'<tr><th scope="row">{escape(line["pallet"])}</th><td>{item}</td>'
                f'<td class="n">{self._units(line["expected"])}</td><td class="n">{self._units(line["good"])}</td>'
                f'<td class="n bad">{"<br>".join(filter(None, damaged))}</td>'
                f'<td class="n bad">{self._units(line["refused"])}</td>'
                f'<td class="n">{self._units(line["difference"], signed=True)}</td>'
                f'<td><span class="{mark}">{self._text("status_" + line["status"])}</span>'
                f"{''.join(f'<br><small>{one}</small>' for one in details)}</td><td>{said}</td></tr>"
            )
        heads = ("pallet", "item", "expected", "good", "damaged", "refused", "difference", "result", "said_in")
        return self._table("lines", heads, rows)

    def _entries(self) -> str:
        heads = ("number", "time", "who", "record", "heard", "recording", "state", "proof")
        return self._table("entries", heads, [self._entry(one) for one in self._said])

    def _entry(self, one: DeviceEvent) -> str:
        number, data, fault = self._numbers[one.id], one.data, self._seals[one.id]
        who = escape(data.get("operator") or self._words["nobody"])
        words = "; ".join(dict.fromkeys(filter(None, data.get("reading", {}).get("heard", {}).values())))
        clips = "".join(self._clip(clip, one.id) for clip in one.recordings)
        time = self._time(one.event["time"])
        if "clock" in one.event:
            time += f'<br><small class="bad">{self._text("clock", time=self._time(one.received_at))}</small>'
        seal = f'<span class="good">{self._text("holds")}</span>'
        if fault:
            seal = f'<span class="bad">{self._text("broken", why=fault)}</span>'
        return (
            f'<tr id="no{number}"><th scope="row">{number}</th><td>{time}</td>'
            f"<td>{who}<br><small>{escape(one.source.rsplit('/', 1)[-1])} {one.number}</small></td>"
            f"<td>{self._record(one)}</td><td>{escape(words)}</td><td>{clips}</td><td>{self._state(one)}</td>"
            f"<td>{seal}<br><code>{escape(str(one.event.get('chain'))[:_SHORT])}</code></td></tr>"
        )

    def _record(self, one: DeviceEvent) -> str:
        data = one.data
        parts = [self._field(one.form, name, value) for name, value in data.get("fields", {}).items()]
        counted = data.get("counted_first", {}).values()
        parts += [f"<small>{self._text('counted_first', value=self._number(value))}</small>" for value in counted]
        for of in data.get("converted", {}).values():
            quantity = f"{self._number(of['quantity'])} {of['uom']}"
            parts.append(
                f"<small>{self._text('converted', quantity=quantity, factor=self._number(of['factor']))}</small>"
            )
        return f"<small>{escape(one.form)}</small><br>" + ", ".join(parts)

    def _field(self, form: str, name: str, value: object) -> str:
        title = self._of["forms"].get(form, {}).get("titles", {}).get(name, name)
        return f"{escape(title)} <b>{escape(_to_text(value))}</b>"

    def _state(self, one: DeviceEvent) -> str:
        parts, by = [], self._story.replaced_by.get(one.id)
        if by is not None:
            parts.append(
                self._text("amended_by" if "fields" in by.data else "cancelled_by", number=self._numbers[by.id])
            )
        elif self._story.stands(one) and self._story.trailer(one) != self._of["trailer"]:
            parts.append(self._text("moved"))
        elif self._story.kind(one) == "closing" and "fields" in one.data:
            is_before = one.id == self._of["visit"]["after"]
            parts.append(self._text("closing_before" if is_before else "closing"))
        elif "fields" in one.data:
            parts.append(self._text("stands"))
        before = self._numbers.get(one.replaces or "")
        if before is not None:
            parts.append(self._text("amends" if "fields" in one.data else "cancels", number=before))
        return "<br>".join(parts)

    def _reviews_table(self) -> str:
        rows = []
        for listed in self._of["reviews"]:
            event = parsed(self._files[listed["file"]])
            data, began = event["data"], heard_at(event["data"]["utterance"]["id"])
            at = str(event["time"]) if began is None else began.isoformat()
            fields = ", ".join(self._field(data["form"], name, value) for name, value in data["fields"].items())
            fault = self._fault(event)
            state = self._text(f"review_{data['state']}")
            seal = self._text("broken", why=fault) if fault else self._text("holds")
            clip = self._clip(data["utterance"]["audio_sha256"], None)
            rows.append(
                f"<tr><td>{self._time(at)}</td><td>{escape(data['operator'] or self._words['nobody'])}</td>"
                f"<td>{fields}</td><td>{escape(data.get('reason') or '')}</td><td>{clip}</td><td>{state}</td>"
                f'<td class="{"bad" if fault else "good"}">{seal}</td></tr>'
            )
        return self._table("reviews", ("time", "who", "record", "reason", "recording", "state", "proof"), rows)

    def _refused_table(self) -> str:
        rows = []
        for listed in self._of["refused"]:
            one = DeviceEvent(parsed(self._files[listed["file"]]), listed["received_at"])
            device = escape(one.source.rsplit("/", 1)[-1])
            reasons = escape("; ".join(listed["reasons"]))
            row = f"<td>{device} {one.number}</td><td>{self._record(one)}</td><td>{reasons}</td>"
            rows.append(f"<tr><td>{self._time(one.event['time'])}</td>{row}</tr>")
        return self._table("turned_down", ("time", "who", "record", "reason"), rows)

    def _lists_table(self) -> str:
        rows = []
        for message in self._announcements():
            key = self._keys.get((None, message.get("keyid")))
            fault = None if "signature" in message else self._words["list_unsigned"]
            fault = fault or find_list_fault(message, key)
            seal = (
                f'<span class="bad">{escape(fault)}</span>'
                if fault
                else f'<span class="good">{self._text("holds")}</span>'
            )
            count = len(message["lines"]) or self._text("withdrawn")
            time = self._time(message["time"])
            rows.append(f"<tr><td>{message['version']}</td><td>{time}</td><td>{count}</td><td>{seal}</td></tr>")
        return self._table("lists", ("version", "published", "line_count", "proof"), rows)

    def _key_table(self) -> str:
        rows = [
            f"<tr><td><code>{escape(one['keyid'])}</code></td>"
            f"<td>{escape(one['device'].rsplit('/', 1)[-1]) if one['device'] else self._text('office')}</td></tr>"
            for one in self._of["keys"]
        ]
        return self._table("keys", ("keyid", "of_device"), rows)

    def _table(self, name: str, heads: Iterable[str], rows: list[str]) -> str:
        """A table under its heading; empty without rows."""
        if not rows:
            return ""
        head, title = "".join(f'<th scope="col">{self._text(one)}</th>' for one in heads), self._text(name)
        few = ' class="few"' if len(rows) <= _FEW else ""
        return (
            f'<h2>{title}</h2>\n<div class="wide" role="region" tabindex="0" aria-label="{title}">'
            f"<table{few}>\n<caption>{self._text(name + '_caption')}</caption>\n<thead><tr>{head}</tr></thead>\n"
            "<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table></div>"
        )

    def _announcements(self) -> list[Json]:
        return sorted(
            (parsed(self._files[one["file"]]) for one in self._of["lists"]), key=lambda one: int(one["version"])
        )

    def _with_former(self, one: DeviceEvent) -> list[DeviceEvent]:
        """An entry with those that it corrects: a correction alone may not name the pallet."""
        found = [one]
        while (former := self._story.by_id.get(found[0].replaces or "")) is not None:
            found.insert(0, former)
        return found

    def _link(self, event_id: str) -> str:
        number = self._numbers[event_id]
        return f'<a href="#no{number}">{self._text("number")} {number}</a>'

    def _clip(self, clip: str, event_id: str | None) -> str:
        """A player of a recording, or the reason why there is none, with its hash."""
        state, short = self._of["clips"][clip], f"<small><code>{escape(clip[:_SHORT])}</code></small>"
        if state != "given":
            return f"<div><small>{self._text('clip_' + state)}</small> {short}</div>"
        label = self._text("clip_given", number=self._numbers.get(event_id or "", ""))
        return f'<div><audio controls preload="none" aria-label="{label}" src="clips/{clip}.flac"></audio>{short}</div>'

    def _units(self, units: Json, *, signed: bool = False) -> str:
        parts = (
            f"{'+' if signed and _is_more(n) else ''}{self._number(n)}\u00a0{escape(unit)}" for unit, n in units.items()
        )
        return ", ".join(one.rstrip("\u00a0") for one in parts)

    def _number(self, value: object) -> str:
        return _to_text(value).replace(".", self._words["decimal"]).replace("-", "\u2212")

    def _time(self, text: str) -> str:
        return f'<time datetime="{escape(text)}">{format_local(moment(text), self._zone)}</time>'

    def _fault(self, event: Json) -> str | None:
        return find_seal_fault(event, self._keys.get((event.get("source"), event.get("keyid"))))


def escape(text: str) -> str:
    """Text escaped for HTML; line breaks, invisible characters and those that change direction are shown escaped."""
    return in_html(escape_line(text))


def _dossier_version_texts(content: Json, words: Mapping[str, str]) -> dict[str, str]:
    if (issue := content.get("issue")) is None:
        return {}
    version = issue["version"]
    later = escape(words["issue_later"].format(version=version, before=version - 1))
    return {"issue": "1" if version == 1 else later}


def _changes_since_last_version(content: Json, words: Mapping[str, str]) -> Iterator[str]:
    """A line about changed figures and added events since the previous version."""
    issue = content.get("issue")
    if issue is None or issue["changed"] is None:
        return
    changed, numbers = issue["changed"], {one["file"]: n for n, one in enumerate(content["events"], 1)}
    parts = [f"{words['number']} {numbers[file]}" for file in changed["added"] if file in numbers]
    for name, one in changed["figures"].items():
        if name in (*_FIGURES, *_BESIDE):
            before, now = (_units(one[when] or {}, words) or "0" for when in ("before", "now"))
            parts.append(f"{words[name]} {before} → {now}")
    what = "; ".join(parts) or "; ".join(changed["added"] + changed["other"] + changed["gone"])
    yield words["issue_note"].format(before=issue["version"] - 1, what=what)


def _units(units: Json, words: Mapping[str, str]) -> str:
    parts = ((_to_text(quantity).replace(".", words["decimal"]), unit) for unit, quantity in units.items())
    return ", ".join(f"{quantity} {unit}".strip() for quantity, unit in parts)


def _is_more(value: object) -> bool:
    return not str(value).startswith("-") and value != 0


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "✓" if value is True else "✗" if value is False else str(value)


def _time_zone(name: str | None) -> tzinfo:
    try:
        return UTC if name is None else find_zone(name)
    except ValueError:
        return UTC


def local_day(text: str, zone: str | None) -> str:
    """The date of a moment in the site's time zone."""
    return to_zone(moment(text), _time_zone(zone)).date().isoformat()
