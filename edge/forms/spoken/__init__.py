"""What is said: words or a transcript to the fields of a form, and a form to the words a recogniser should expect."""

from edge.forms.spoken.commands import (
    command,
    command_phrases,
    corrects,
    exception,
    proves,
    says_check,
    takes_back,
    without_cue,
)
from edge.forms.spoken.jsgf import jsgf
from edge.forms.spoken.kinds import Spoken
from edge.forms.spoken.languages import LANGUAGES
from edge.forms.spoken.reader import read
from edge.forms.spoken.sayable import check
from edge.forms.spoken.sentences import phrases, sentences
from edge.forms.spoken.transcript import read_transcript
from edge.forms.spoken.turn import expected
from edge.forms.spoken.vocabulary import vocabulary

__all__ = [
    "LANGUAGES",
    "Spoken",
    "check",
    "command",
    "command_phrases",
    "corrects",
    "exception",
    "expected",
    "jsgf",
    "phrases",
    "proves",
    "read",
    "read_transcript",
    "says_check",
    "sentences",
    "takes_back",
    "vocabulary",
    "without_cue",
]
