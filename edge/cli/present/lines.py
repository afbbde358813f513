"""Lines for people: what a person is told as things happen. Colour only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rich.text import Text

from edge.agent.app import AgentTold
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import Stands
from edge.agent.events import AlreadyKept, CaptureResumed, CaptureStopped, Decided, SourceEnded
from edge.cli.present.json_lines import event_fields, event_form, event_kind, event_line, print_line
from edge.cli.present.wording import OUTCOMES, STYLES, Tone
from edge.forms.model import Form
from edge.records import Outcome, Verdict
from edge.records.entry import Note
from edge.terminal.tables import SafeConsole

REPEAT = "Please say it again."  # What the operator is asked when no field was understood.

Show = Callable[[AgentTold], None]


def teller(form: Form, names: Mapping[str, str], *, as_json: bool, known: Mapping[str, Form] | None = None) -> Show:
    """What shows each thing told: a JSON line per utterance, or text. `names` gives a source's file name.

    `known` are all forms, by name, of which something may be told; none: `form` alone.
    """
    forms = known or {form.name: form}
    return with_dialogue((lambda told: print_line(event_line(told, names))) if as_json else _text_teller(forms, names))


def with_dialogue(show: Show) -> Show:
    """The same with what the dialogue made of an utterance, which knows more than the verdict: "yes" is an answer."""
    noted: dict[str, Verdict] = {}

    def agreed(told: AgentTold) -> None:
        match told:
            case Stands():
                noted.clear()  # a step is told right before what was decided by it
                noted.update({one.utterance_id: one.verdict for one in told.noted if isinstance(one, Note)})
            case Decided(utterance=utterance, verdict=verdict):
                told = replace(told, verdict=noted.pop(utterance.utterance_id, verdict))
            case _:
                pass
        show(told)

    return agreed


def discreet_teller() -> Show:
    """What a service writes to its log: what became of each utterance, and never a word of what was said."""
    out = SafeConsole(highlight=False, soft_wrap=True)

    def show(told: AgentTold) -> None:
        match told:
            case Decided(utterance, _, verdict, row, replaces=replaces):
                why = ", ".join(str(reason) for reason in verdict.reasons)
                event = "" if row is None else f", event {row.event_id}, number {row.sequence}"
                event += "" if replaces is None else f", in the place of event {replaces}"
                out.print(f"{verdict.outcome}: utterance {utterance.utterance_id} ({why}){event}")
            case Stands(row=row) if row is not None:
                out.print(f"{event_kind(row)}: event {row.event_id}, number {row.sequence}")
            case LinkChanged():
                out.print(_link(told))
            case CaptureStopped() | CaptureResumed():
                out.print(_capture(told))
            case _:  # of the headset, the log has a line of its own
                pass

    return with_dialogue(show)


def _link(changed: LinkChanged) -> str:
    return f"{'connected to' if changed.up else 'lost'} the broker: {changed.what}"


def _capture(told: CaptureStopped | CaptureResumed) -> str:
    return f"NOT RECORDED: {told.reason}" if isinstance(told, CaptureStopped) else "recording again: there is room"


def _text_teller(forms: Mapping[str, Form], names: Mapping[str, str]) -> Show:
    console = SafeConsole(highlight=False, soft_wrap=True)
    quiet_since_last = True

    def show(told: AgentTold) -> None:
        nonlocal quiet_since_last
        match told:
            case Decided(utterance, reading, verdict):
                quiet_since_last = False
                console.print(_lines(names.get(utterance.source, utterance.source), heard=reading.transcript))
                form = forms[utterance.form]
                console.print(Text(f"   {answer(form, verdict)}", style=STYLES[OUTCOMES[verdict.outcome].meaning]))
            case AlreadyKept(source):
                quiet_since_last = False
                console.print(_lines(names.get(source, source), kept="on record already, not recorded again"))
            case SourceEnded(source):
                if quiet_since_last:
                    console.print(_lines(names.get(source, source), ignored="no speech"), style="dim")
                quiet_since_last = True
            case _:
                if (line := _besides(forms, told)) is not None:
                    console.print(line)

    return show


def _besides(forms: Mapping[str, Form], told: AgentTold) -> Text | None:
    """What is told of anything but what was just heard; of the headset, the log has a line of its own."""
    match told:
        case Stands(row=row) if row is not None:
            form = forms[event_form(row)]
            return Text(f"   {event_kind(row):9} {form.readback(event_fields(row))}", style=STYLES[Tone.GOOD])
        case LinkChanged():
            return Text(_link(told), style="dim")
        case CaptureStopped() | CaptureResumed():
            return Text(_capture(told), style="bold")
        case _:
            return None


def _lines(name: str, **told: str) -> Text:
    """A source, and below it what is told of it, each line with its heading."""
    return Text("\n").join([Text(name, style="bold"), *(Text(f"   {what:9} {words}") for what, words in told.items())])


def answer(form: Form, verdict: Verdict) -> str:
    """What the operator is told, in words."""
    outcome = verdict.outcome
    heading, _, more = OUTCOMES[Outcome.ASK if outcome is Outcome.REPEAT else outcome].words.partition(", ")
    why = f"({', '.join(str(reason) for reason in verdict.reasons)})"
    match outcome:
        case Outcome.ACCEPT | Outcome.HOLD:
            told = form.readback(verdict.fields)
        case Outcome.ASK | Outcome.REPEAT:
            told = f"{next((field.ask for field in form.fields if field.name == verdict.ask), REPEAT)}  {why}"
        case _:
            told = f"{more}  {why}" if more else why
    return f"{heading:9} {told}"
