"""What is said to the device and not for the form: "yes", "scratch that", "how many waiting", "sign on ana".

A command is a whole utterance, but for hesitations around it: within a sentence the same words are what they always
were. So nothing that names a field of a form is ever a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import dropwhile

from edge.forms.model import Form
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, Phrase, fold, phrase, phrases
from edge.forms.spoken.languages import language_named
from edge.forms.spoken.lexicon import tokens
from edge.forms.spoken.values import ways
from edge.records import Act, Command, FieldReading, Word


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asks."""

    act: Act
    command: Command | None = None
    name: str | None = None
    """Whoever signs on, as he was heard."""


YES, NO, CANCEL = Asked(Act.YES), Asked(Act.NO), Asked(Act.CANCEL)


def _device(command: Command) -> Asked:
    return Asked(Act.COMMAND, command)


_ENGLISH = {
    YES: "yes, yeah, yep, that is right, that's right, correct, affirmative",
    NO: "no, nope, wrong, negative, that is wrong, that's wrong",
    CANCEL: "scratch that, cancel, cancel that, undo, undo that, delete that",
    _device(Command.SAY_AGAIN): "say again, say that again, repeat, repeat that",
    _device(Command.HOW_MANY_WAITING): "how many waiting, how many are waiting",
    _device(Command.LAST_ENTRY): "last entry, what was the last entry",
    _device(Command.HELP): "help, help me",
    _device(Command.PAUSE): "pause, stop listening",
    _device(Command.RESUME): "resume, continue, start listening",
    _device(Command.LOUDER): "louder, speak louder",
    _device(Command.SOFTER): "softer, quieter, speak softer",
    _device(Command.FASTER): "faster, speak faster",
    _device(Command.SLOWER): "slower, speak slower",
    _device(Command.SIGN_ON): "sign on, sign in",
    _device(Command.SIGN_OFF): "sign off, sign out",
}
_GERMAN = {
    YES: "ja, jawohl, richtig, stimmt, das stimmt, korrekt",
    NO: "nein, nee, falsch, das ist falsch",
    CANCEL: "stornieren, abbrechen, löschen, verwerfen, rückgängig",
    _device(Command.SAY_AGAIN): "noch einmal, nochmal, wiederholen, wiederhole",
    _device(Command.HOW_MANY_WAITING): "wie viele warten, wieviele warten",
    _device(Command.LAST_ENTRY): "letzter eintrag, der letzte eintrag",
    _device(Command.HELP): "hilfe",
    _device(Command.PAUSE): "pause",
    _device(Command.RESUME): "weiter, fortsetzen",
    _device(Command.LOUDER): "lauter",
    _device(Command.SOFTER): "leiser",
    _device(Command.FASTER): "schneller",
    _device(Command.SLOWER): "langsamer",
    _device(Command.SIGN_ON): "anmelden, anmeldung",
    _device(Command.SIGN_OFF): "abmelden, abmeldung",
}
_FRENCH = {
    YES: "oui, ouais, c'est ça, exact, correct",
    NO: "non, faux, c'est faux",
    CANCEL: "annuler, annule, annulez, effacer, efface ça",
    _device(Command.SAY_AGAIN): "répéter, répète, répétez, encore une fois",
    _device(Command.HOW_MANY_WAITING): "combien en attente, combien attendent",
    _device(Command.LAST_ENTRY): "dernière entrée, la dernière entrée",
    _device(Command.HELP): "aide, à l'aide",
    _device(Command.PAUSE): "pause",
    _device(Command.RESUME): "reprendre, continuer",
    _device(Command.LOUDER): "plus fort",
    _device(Command.SOFTER): "moins fort, plus doucement",
    _device(Command.FASTER): "plus vite",
    _device(Command.SLOWER): "moins vite, plus lentement",
    _device(Command.SIGN_ON): "début de service, identification",
    _device(Command.SIGN_OFF): "fin de service",
}
_SPANISH = {
    YES: "sí, correcto, exacto, eso es",
    NO: "no, incorrecto, está mal",
    CANCEL: "cancelar, cancela, anular, borrar, borra eso",
    _device(Command.SAY_AGAIN): "repetir, repite, repita, otra vez",
    _device(Command.HOW_MANY_WAITING): "cuántos en espera, cuántos esperan",
    _device(Command.LAST_ENTRY): "último registro, el último registro",
    _device(Command.HELP): "ayuda",
    _device(Command.PAUSE): "pausa",
    _device(Command.RESUME): "continuar, seguir",
    _device(Command.LOUDER): "más alto, más fuerte",
    _device(Command.SOFTER): "más bajo",
    _device(Command.FASTER): "más rápido",
    _device(Command.SLOWER): "más lento, más despacio",
    _device(Command.SIGN_ON): "iniciar turno, empezar turno",
    _device(Command.SIGN_OFF): "terminar turno, fin de turno",
}
_ITALIAN = {
    YES: "sì, giusto, esatto, corretto",
    NO: "no, sbagliato, è sbagliato",
    CANCEL: "annulla, annullare, cancella, cancellare",
    _device(Command.SAY_AGAIN): "ripeti, ripeta, ripetere, ancora una volta",
    _device(Command.HOW_MANY_WAITING): "quante in attesa, quanti in attesa",
    _device(Command.LAST_ENTRY): "ultima voce, l'ultima voce",
    _device(Command.HELP): "aiuto",
    _device(Command.PAUSE): "pausa",
    _device(Command.RESUME): "riprendi, riprendere, continua",
    _device(Command.LOUDER): "più forte",
    _device(Command.SOFTER): "più piano",
    _device(Command.FASTER): "più veloce",
    _device(Command.SLOWER): "più lento",
    _device(Command.SIGN_ON): "inizio turno",
    _device(Command.SIGN_OFF): "fine turno",
}
PHRASES: Mapping[str, Mapping[Asked, str]] = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "fr": _FRENCH,
    "es": _SPANISH,
    "it": _ITALIAN,
}
"""By language, the ways to say each command, with a comma between any two. A name follows those to sign on."""

REFUSALS: Mapping[str, str] = {
    "en": "don't record, do not record, dont record, don't record that, do not record that, dont record that, "
    "don't save, do not save, never mind, nevermind, forget, forget it, forget that, ignore, ignore it, ignore that, "
    "disregard, disregard it, disregard that",
    "de": "nicht buchen, nicht speichern, nicht erfassen, vergiss, vergiss es, vergiss das, vergessen, ignorieren, "
    "ignoriere",
    "fr": "ne pas enregistrer, n'enregistrez pas, n'enregistre pas, oubliez, oublie, oublier, ignorez, ignore, ignorer",
    "es": "no registrar, no registres, no registre, olvida, olvídalo, olvidar, ignora, ignorar",
    "it": "non registrare, dimentica, dimenticare, lascia perdere, ignora, ignorare",
}
"""Ways to take back what is open and no more, by language: who is asked whether to cancel, and says so, means no."""

DELETIONS: Mapping[str, str] = {
    "en": "delete, delete it, remove, remove it",
    "de": "lösche, entfernen, entferne",
    "fr": "supprimer, supprime",
    "es": "eliminar, elimina",
    "it": "elimina, eliminare",
}
"""More ways to cancel, by language. No recogniser is told to expect these or the refusals: words that a grammar holds
are heard in others, and all of them begin what no entry is made of anyway."""

TWICE = 2
"""Said so often in one utterance, an exception needs no question."""


def command(words: Sequence[Word], language: Language = ENGLISH) -> Asked | None:
    """What the utterance asks of the device as a whole; None where it is no command."""
    said = _plain(words, language)
    known = _known(language)
    if (asked := known.get(said)) is not None:
        return None if asked.command is Command.SIGN_ON else asked
    for at in range(1, len(said)):
        asked = known.get(said[:at])
        if asked is not None and asked.command is Command.SIGN_ON:
            return Asked(asked.act, asked.command, " ".join(said[at:]))
    return None


def is_whole(words: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Are the words a command to which nothing is ever added: "say again", but not "no", which may begin more?"""
    said = _plain(words, language)
    known = _known(language)
    if said not in known or known[said].command is Command.SIGN_ON or said in language.cues:
        return False
    return not any(other[: len(said)] == said for other in known if len(other) > len(said))


def exception(words: Sequence[Word], form: Form, language: Language = ENGLISH) -> Mapping[str, FieldReading]:
    """The exception of the form that the utterance says as a whole, once or twice: "damaged", "damaged damaged".

    Said twice it is confirmed; once, it must be.
    """
    said = _plain(words, language)
    for name, choice, one in _exceptions(form, language):
        times = len(said) // len(one)
        if times in {1, TWICE} and said == one * times:
            sure = min(word.confidence for word in words)
            heard = tuple(word.text for word in words)
            return {name: FieldReading(choice, heard, sure, confirmed=times == TWICE)}
    return {}


def _exceptions(form: Form, language: Language) -> Iterator[tuple[str, str, Phrase]]:
    """The exceptions of the form: field, value, and each way to say it."""
    for field in form.fields:
        for choice in field.choices if field.exception else ():
            yield from ((field.name, choice, phrase(way)) for way in ways(choice, field, language))


def takes_back(words: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Does the utterance begin by cancelling what it goes on to name: "cancel pallet seven four two"?

    What is a cue as well, "scratch that", announces what is meant instead. "Please" and the like may go before.
    """
    known = _known(language)
    begun = _beginnings(words, language)
    return any(known[one].act is Act.CANCEL for one in begun if one in known and one not in language.cues)


def refuses(words: Sequence[Word]) -> bool:
    """Does a cancellation begin with one of the `REFUSALS`, in whichever language: "never mind"?"""
    return any(
        one in phrases(listed) for code, listed in REFUSALS.items() for one in _beginnings(words, language_named(code))
    )


def corrects(words: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Does the utterance begin by taking something back: "no, fifteen units"?"""
    return bool(cue(words, language))


def cue(words: Sequence[Word], language: Language = ENGLISH) -> tuple[Word, ...]:
    """What announces a correction at the beginning of the utterance."""
    said = _unhesitating(words, language)
    return said[: len(said) - len(without_cue(words, language))]


def without_cue(words: Sequence[Word], language: Language = ENGLISH) -> tuple[Word, ...]:
    """The words without hesitations, and without what announces a correction at their beginning."""
    left = _unhesitating(words, language)
    while left:
        size = _cue(left, language)
        if not size:
            break
        left = left[size:]
    return left


def says_check(words: Sequence[str], language: Language = ENGLISH) -> bool:
    """Do the words of a place hold its check digits too: "dock B, check four seven"?"""
    return any(fold(word) in language.checks for word in words)


def proves(words: Sequence[Word], check: str, language: Language = ENGLISH) -> bool:
    """Are the words the check word, or digits, `check` and nothing else?"""
    said = [word for word in _plain(words, language) if word not in language.checks]
    return check in {" ".join(said), language.numbers.digits(said)}


def command_phrases(names: Sequence[str] = (), language: Language = ENGLISH) -> tuple[str, ...]:
    """Every way to say a command, for a recogniser to expect; `names` are of those who may sign on."""
    listed = [(said, asked) for asked, ways in PHRASES[language.code].items() for said in phrases(ways)]
    plain = [" ".join(said) for said, asked in listed if asked.command is not Command.SIGN_ON]
    signing = [" ".join(said) for said, asked in listed if asked.command is Command.SIGN_ON]
    return (*plain, *(f"{phrase} {name}" for phrase in signing for name in names))


def wording(asked: Asked, language: Language = ENGLISH) -> str:
    """The first of the ways to say a command."""
    return PHRASES[language.code][asked].partition(",")[0]


@lru_cache
def _known(language: Language) -> Mapping[Phrase, Asked]:
    known = {said: asked for asked, listed in PHRASES[language.code].items() for said in phrases(listed)}
    unexpected = phrases(f"{REFUSALS[language.code]}, {DELETIONS[language.code]}")
    return dict.fromkeys(unexpected, CANCEL) | known


def _beginnings(words: Sequence[Word], language: Language) -> Iterator[Phrase]:
    """What the words begin with, after "please" and the like: the first, the first two, and so on."""
    said = tuple(dropwhile(lambda word: word in language.links, _plain(words, language)))
    return (said[:size] for size in range(1, len(said) + 1))


def _plain(words: Sequence[Word], language: Language) -> Phrase:
    return tuple(fold(token.text) for token in tokens(_unhesitating(words, language), language))


def _unhesitating(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    return tuple(word for word in words if fold(word.text).strip(".,;:!? ") not in language.hesitations)


def _cue(words: Sequence[Word], language: Language) -> int:
    """How many words at the beginning are a cue; the longest counts."""
    texts = tuple(fold(word.text).strip(".,;:!? ") for word in words)
    return max((len(cue) for cue in language.cues if texts[: len(cue)] == cue), default=0)
