"""What is said: words or a transcript to the fields of a form, and a form to the words a recogniser should expect."""

from edge.forms.spoken.breaths import are_one_number, begins, ends
from edge.forms.spoken.commands import (
    about,
    command,
    command_phrases,
    corrects,
    courteous,
    cue,
    exception,
    proves,
    refuses,
    says_check,
    takes_back,
    without_cue,
)
from edge.forms.spoken.jsgf import jsgf
from edge.forms.spoken.language import LANGUAGES
from edge.forms.spoken.reader import preface, read
from edge.forms.spoken.sayable import check
from edge.forms.spoken.sentences import phrases, sentences
from edge.forms.spoken.transcript import read_transcript, transcript_preface
from edge.forms.spoken.turn import expected
from edge.forms.spoken.vocabulary import vocabulary

__all__ = [
    "LANGUAGES",
    "about",
    "are_one_number",
    "begins",
    "check",
    "command",
    "command_phrases",
    "corrects",
    "courteous",
    "cue",
    "ends",
    "exception",
    "expected",
    "jsgf",
    "phrases",
    "preface",
    "proves",
    "read",
    "read_transcript",
    "refuses",
    "says_check",
    "sentences",
    "takes_back",
    "transcript_preface",
    "vocabulary",
    "without_cue",
]
