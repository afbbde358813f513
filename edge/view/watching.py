"""What happens to an agent makes a picture of it: all there is to see at one moment. Pure: it is told the moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.agent.dialogue_driver import Stands
from edge.agent.events import Decided
from edge.agent.typed_input import KEYBOARD
from edge.agree.decide import Rules
from edge.agree.dialogue.questions import judged
from edge.agree.dialogue.table import QUESTIONS
from edge.agree.dialogue.table import State as Stage
from edge.config import ListeningMode, Settings
from edge.records import Outcome, Park
from edge.speak.wording import Phrasing
from edge.view.listing import field_rows, queue
from edge.view.meter import NO_SOUND, Sounding
from edge.view.picture import (
    FieldRow,
    Header,
    Heard,
    HeardWord,
    Key,
    Microphone,
    Picture,
    Queue,
    State,
    Told,
    Tone,
)
from edge.view.remembering import Remembering
from edge.view.wording import PARKED, question, result

MODES = {
    ListeningMode.OPEN: "open microphone",
    ListeningMode.PUSH_TO_TALK: "push to talk",
    ListeningMode.WAKE_PHRASE: "wake phrase",
}

_TONES = {Stage.IDLE: Tone.GOOD, Stage.PAUSED: Tone.QUIET, Stage.SIGNED_OFF: Tone.QUIET}

_ANSWERS = (Key("y", "yes"), Key("n", "no"), Key("c", "cancel"), Key("a", "say again"))
_QUESTIONS = (
    *(Key("p", "pause"), Key("w", "how many waiting"), Key("l", "last entry"), Key("h", "help")),
    *(Key("+ -", "loudness"), Key("> <", "speed")),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What nobody tells, and is asked at each look."""

    sound: Sounding = NO_SOUND
    is_open: bool = False
    """Somebody is speaking."""
    talking: bool = False
    """The talk key is down."""
    converses: bool = True
    """Whether entries are agreed with the operator."""
    left_s: float | None = None
    """Until the dialogue's deadline."""
    trouble: str | None = None
    """Why there is no connection to the broker; None: there is one, or it was not tried yet."""
    typing: str | None = None
    """The line that is being typed."""


class Watching(Remembering):
    """Told of all that happens to one agent; `picture` is what there is to see."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        super().__init__(Phrasing(rules.form, settings.speak.language.value))
        self._settings = settings
        self._rules = rules
        self._form = rules.form

    def picture(self, moment: Moment) -> Picture:
        """What is to be seen now."""
        return Picture(
            header=self._header(moment),
            microphone=self._microphone(moment),
            state=self._state(moment),
            said=self._said,
            heard=self._heard(),
            entry=self._entry(moment),
            queue=Queue() if self._kept is None else queue(self._kept, self._form),
            faults=tuple(self._wrong(moment)),
            log=tuple(map(str, self._log)),
            typing=moment.typing,
            keys=self._keys(moment),
        )

    def _dialogue(self, moment: Moment) -> Stands | None:
        """Where it stands, for whoever is asked anything at all."""
        return self._stands if moment.converses else None

    def _header(self, moment: Moment) -> Header:
        settings, mqtt = self._settings, self._settings.deliver.mqtt
        signed_on = None if self._stands is None else self._stands.operator
        return Header(
            device=settings.device,
            site=settings.site,
            form=self._form.name,
            operator=signed_on or settings.operator,
            broker=f"{mqtt.host}:{mqtt.port}",
            up=False if moment.trouble else self._connected or None,
        )

    def _microphone(self, moment: Moment) -> Microphone:
        hear = self._settings.hear
        mode = MODES[hear.mode]
        if hear.mode is ListeningMode.WAKE_PHRASE:
            mode = f'{mode} "{hear.wake_phrase}"'
        shut = hear.mode is ListeningMode.PUSH_TO_TALK and not moment.talking
        name = "the default" if hear.device is None else str(hear.device)
        sound = _as_seen(moment.sound, speech=moment.is_open)
        return Microphone(name, mode, sound, hears=not (self._muted or shut))

    def _state(self, moment: Moment) -> State:
        """What keeps the device from hearing comes before where the dialogue stands."""
        if self._ended:
            return State("stopping", "what is owed gets its last chance; then it goes out at the next start", Tone.OPEN)
        if self._full is not None:
            return State("not recording", "nothing that is said now is kept", Tone.BAD)
        if self._muted:
            return State("muted", "nothing is heard; m hears again", Tone.BAD)
        if (stands := self._dialogue(moment)) is not None:
            return self._stage(stands, moment)
        return self._listening(moment)

    def _stage(self, stands: Stands, moment: Moment) -> State:
        left = "" if moment.left_s is None else f"{moment.left_s:.1f} s"
        detail = ""
        if stands.state is Stage.HELD:
            detail = f"{left} to object" if left else "until you object, or go on"
        elif stands.question is not None and stands.state in QUESTIONS:
            detail = ", ".join(filter(None, (question(stands.question, self._form), left and f"{left} to answer")))
        elif stands.state is Stage.PAUSED:
            detail = "p, or the word for it, goes on"
        elif stands.state is Stage.SIGNED_OFF:
            detail = "say, or type, who signs on"
        return State(stands.state.value, detail, _TONES.get(stands.state, Tone.OPEN))

    def _listening(self, moment: Moment) -> State:
        if moment.is_open:
            return State("hearing", "", Tone.OPEN)
        if self._settings.hear.mode is ListeningMode.PUSH_TO_TALK and not moment.talking:
            return State("waiting", "for the talk key; space does as well", Tone.QUIET)
        decided = self._decided
        if decided is not None and decided.verdict.outcome is Outcome.ASK and decided.verdict.ask is not None:
            return State("listening", self._form[decided.verdict.ask].ask, Tone.OPEN)
        return State("listening", "", Tone.GOOD)

    def _heard(self) -> Heard | None:
        decided = self._decided
        if decided is None:
            return None
        demanded = self._rules.demands.minimum
        words = tuple(HeardWord(word.text, word.confidence < demanded) for word in decided.reading.words)
        return Heard(words, decided.utterance.source == KEYBOARD, self._became(decided))

    def _became(self, decided: Decided) -> Told:
        """What became of it: where there is a dialogue, that knows more than the verdict."""
        noted = self._noted.get(decided.utterance.utterance_id)
        if isinstance(noted, Park):
            return PARKED
        if self._number is not None and noted is not None and noted.verdict.outcome is Outcome.HOLD:
            return Told(f"recorded as number {self._number}", Tone.GOOD)
        return result(decided.verdict if noted is None else noted.verdict, self._form)

    def _entry(self, moment: Moment) -> tuple[FieldRow, ...]:
        """The entry that is open: the dialogue's draft, or what an utterance lacks that is to be said again."""
        if (stands := self._dialogue(moment)) is not None:
            draft = stands.draft
            if draft is None or not draft.reading.fields:
                return field_rows(self._form)
            return field_rows(self._form, draft.reading, judged(draft, self._rules).reasons)
        decided = self._decided
        if decided is None or decided.verdict.outcome not in {Outcome.ASK, Outcome.ACCEPT}:
            return field_rows(self._form)
        return field_rows(self._form, decided.reading, decided.verdict.reasons)

    def _wrong(self, moment: Moment) -> Iterable[str]:
        for fault, what in self._faults.items():
            yield f"microphone, {fault.replace('_', ' ')}: it {what}"
        if self._full is not None:
            yield f"not recording: {self._full}"
        if moment.trouble is not None:
            yield f"no broker: {moment.trouble}. Entries are kept, and go out by themselves when it answers"

    def _keys(self, moment: Moment) -> tuple[Key, ...]:
        talks = self._settings.hear.mode is ListeningMode.PUSH_TO_TALK
        converses = self._dialogue(moment) is not None
        return (
            *((Key("space", "talk"),) if talks else ()),
            *(_ANSWERS if converses else ()),
            Key("/", "type a sentence"),
            Key("m", "hear again" if self._muted else "mute"),
            *(_QUESTIONS if converses else ()),
            Key("^C", "stop"),
        )


def _as_seen(sound: Sounding, *, speech: bool) -> Sounding:
    """To the decibel: what looks the same need not be drawn again."""
    rms_db, peak_db = round(sound.rms_db), round(sound.peak_db)
    return Sounding(min(sound.samples, 1), rms_db, peak_db, clipped=min(sound.clipped, 1), speech=speech)
