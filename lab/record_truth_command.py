"""`dockvoice record-truth`: record a site's own set of clips with known truth."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.errors import Misconfigured, Unfinished, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from edge.agent.parts import load_current_rules, load_named_form
from edge.agree.decide import Rules
from edge.cli import Config, FormName, State, load_settings_with_options, login_name
from edge.cli.reports import parse_moment
from edge.config import Settings
from edge.hear.microphone import Microphone
from edge.keep.journal import Journal, JournalReader
from edge.records import SAMPLE_RATE
from lab.listening import listen_to_set, read_answer
from lab.noises import parse_snrs_db
from lab.on_record import settled_recordings
from lab.scoring import Truth
from lab.truth import MINUTE_S, Prompt, RecordedTake, TruthSet, choose_prompts, record_noise, record_take

commands = typer.Typer()

_SOFT_DB = -45.0  # Speech below this level, dB, means a headset that is muted, worn wrong, or turned down.

_TRIES = 3  # In hands-free mode, spoilt takes of one sentence after which the command ends.


@commands.command("record-truth", short_help="Record a set of your own for `dockvoice evaluate`.", epilog=EXIT_CODES)
def record_truth(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where recordings and manifest.jsonl go; goes on where it stopped.")
    ],
    speaker: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who speaks: a name or pseudonym of letters, digits and dashes.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Instead: what people corrected or discarded since 2026-11-20, 7d or 12h."),
    ] = None,
    config: Config = None,
    state: State = None,
    form: FormName = None,
    count: Annotated[
        int, typer.Option(min=1, max=999, metavar="N", help="How many sentences this speaker shall say.")
    ] = 60,
    condition: Annotated[str, typer.Option(metavar="NAME", help="What it is recorded in.")] = "clean",
    noise_minutes: Annotated[
        int, typer.Option(min=0, max=99, metavar="N", help="Record so many minutes of the place first.")
    ] = 0,
    mixing: Annotated[
        str | None, typer.Option("--mix", metavar="DB[,DB]", help="Add each saying in that noise: 20,10,5.")
    ] = None,
    hands_free: Annotated[bool, typer.Option("--hands-free", help="Keep every take that is whole; no keys.")] = False,
    listen: Annotated[
        bool, typer.Option("--listen", help="Instead: hear what --since copied, and say what is true of it.")
    ] = False,
) -> None:
    """Record sentences with known truth on this headset, for `dockvoice evaluate`.

    A sentence is shown, said, and kept. After each: Enter keeps it, r records it again, s skips it, q ends. What is
    kept stays kept; starting the command again goes on with the next sentence.

    With --since, nothing is recorded: the set gets utterances of the journal, as long as their recordings are kept.
    `corrected`, `asked in vain` (the entry came to what had been read at once) and `nothing said` (cancelled, or
    discarded under review) have what the operator or the reviewer agreed to as their truth. Where the device asked and
    no entry came of it, or a value came of another utterance, nobody knows it yet: `dockvoice evaluate` and `retune`
    leave these out until somebody has listened. With --listen each recording is played, and the truth is what you
    answer; a value that was agreed to need not be what was said. A recording that the journal has removed since, for
    its age or for its operator, is removed from the set by the next --since.
    """
    log_warnings_to_stderr()
    if [speaker is not None, since is not None, listen].count(True) != 1:
        raise typer.BadParameter("name a speaker, or --since and when, or --listen", param_hint="--speaker")
    if speaker is None:
        settings = load_settings_with_options(config, state=state, form=form)
        rules = load_current_rules(settings, settings.forms.active)
        if since is None:
            listen_to_set(TruthSet(folder, rules.form.name), rules, settings.speak, login_name())
        else:
            _copy_settled(TruthSet(folder, rules.form.name), settings, rules, parse_moment(since))
        return
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}", speaker):
        raise typer.BadParameter(f"{speaker!r}: letters, digits and dashes, 41 at most", param_hint="--speaker")
    snrs_db = parse_snrs_db(mixing, "--mix")
    asked = load_settings_with_options(config, form=form)
    chosen = load_named_form(asked, asked.forms.active)
    made = TruthSet(folder, chosen.name)
    while made.noise_minutes < noise_minutes:
        print_lines(f"Noise, minute {made.noise_minutes + 1} of {noise_minutes}: let the place sound, and say nothing.")
        made.store_noise(record_noise(_open_microphone(asked), MINUTE_S, _print_quarters))
    wanted = choose_prompts(chosen, Catalogue.load(asked.catalogue_directory), count, speaker)
    _record_prompts(made, wanted, asked, speaker, condition, hands_free=hands_free)
    for file in made.mix_noise(snrs_db) if snrs_db else ():
        print_lines(f"mixed {file.name}")
    print_lines(f"{len(made.recorded_prompts(speaker))} of {count} said; dockvoice evaluate {made.manifest}")


def _copy_settled(truth_set: TruthSet, settings: Settings, rules: Rules, since: datetime) -> None:
    """Copy what the set can learn from; remove what the journal has removed.

    Raises Misconfigured where the site keeps no recordings.
    """
    if not settings.keep.audio_after_receipt:
        raise Misconfigured(
            "keep.audio_after_receipt: is false, so this site keeps no recordings, and none is copied; record some of "
            "people who agree to it: --speaker NAME"
        )
    device, copied = f"{settings.site}/{settings.device}", Counter[str]()
    with Journal.inspect(settings.state) as journal:
        for line in truth_set.settled_lines():
            if line.get("device") == device and not _is_kept(journal, line["utterance"]):
                truth_set.settle(line["audio"], None)
                copied["removed"] += 1
        for one in settled_recordings(journal, since, rules):
            utterance = one.past.utterance
            stored = truth_set.store_settled(
                utterance.utterance_id,
                utterance.segment.pcm,
                round((utterance.segment.speech_end - utterance.segment.start) / SAMPLE_RATE, 3),
                one.fields,
                one.operator or "unknown",
                one.condition,
                read=dict(one.read),
                truth=Truth.AGREED if one.agreed else Truth.UNHEARD,
                device=device,
            )
            copied[one.condition if one.agreed else "unheard"] += stored is not None
    print_lines(
        f"copied {copied['corrected']} corrected and {copied['nothing said']} cancelled or discarded, "
        f"{copied['asked in vain']} asked in vain, and {copied['unheard']} of which nobody knows the truth yet; "
        f"removed {copied['removed']} that the journal has removed\n"
        f"listen first: dockvoice record-truth {truth_set.manifest.parent} --listen\n"
        f"then: dockvoice evaluate {truth_set.manifest}"
    )


def _is_kept(journal: JournalReader, utterance_id: str) -> bool:
    try:
        return journal.queries.history(utterance_id).audio_removed_at is None
    except UnreadableInput:  # the journal has removed its row, too
        return False


def _record_prompts(
    truth_set: TruthSet, wanted: Sequence[Prompt], settings: Settings, speaker: str, condition: str, *, hands_free: bool
) -> None:
    said = truth_set.recorded_prompts(speaker)
    for prompt in wanted:
        if prompt.number in said:
            continue
        taken = _record_take(prompt, len(wanted), settings, hands_free=hands_free)
        if isinstance(taken, RecordedTake):
            print_lines(f"kept {truth_set.store_take(prompt, speaker, condition, taken).name}")
        elif taken == "q":
            break


def _open_microphone(settings: Settings) -> Microphone:
    return Microphone(settings.hear.device, settings.watch.stall_s)


def _print_quarters(seconds: float) -> None:
    if round(seconds) % 15 == 0:
        print_lines(f"  {seconds:.0f} s")


def _record_take(prompt: Prompt, of: int, settings: Settings, *, hands_free: bool) -> RecordedTake | str:
    """Record until a take is good; return it, or the key that ended the tries: `s` (skip) or `q` (quit)."""
    for _ in range(_TRIES if hands_free else sys.maxsize):
        print_lines(f"\n{prompt.number} of {of}. Say when it says so: {prompt.text}")
        print_lines(f"   ({', '.join(f'{name} {value}' for name, value in prompt.fields.items())})")
        taken = record_take(
            _open_microphone(settings), settings.hear.endpoint, settings.hear.vad, lambda: print_lines("   now")
        )
        if taken is None:
            raise Unfinished("the microphone ended; what was kept is kept, start again to go on")
        key = _ask_key(taken, hands_free=hands_free)
        if key != "r":
            return key or taken
    raise Unfinished(f"{_TRIES} takes were spoilt; look at the headset and start again to go on")


def _ask_key(taken: RecordedTake, *, hands_free: bool) -> str:
    trouble = "sound was lost" if taken.spoilt else "very soft" if taken.level_db < _SOFT_DB else ""
    print_lines(f"   heard, {taken.level_db:.0f} dB{f' ({trouble}: better again)' if trouble else ''}")
    if hands_free:
        return "r" if trouble else ""
    while True:
        key = read_answer("Enter: keep, r: again, s: skip, q: end")
        if key in {"", "r", "s", "q"}:
            return key
