"""What is said: words or a transcript to the fields of a form, and a form to the words a recogniser should expect."""

from dockvoice_protocol.forms.spoken.commands import (
    DONE,
    FEW,
    LACKING,
    LEFT,
    TALLY,
    TODAY,
    WHERE,
    about,
    behind_sign_on,
    break_reason,
    cancels,
    chosen,
    command,
    command_phrases,
    corrects,
    courteous,
    cue,
    exception,
    finds_nothing_wrong,
    holds_check,
    is_among,
    murmurs,
    numbers_said,
    of_last_one,
    points_at_last,
    presented,
    proves,
    refuses,
    says_instead,
    says_next,
    sets_right,
    takes_back,
    with_work,
    without_cue,
    without_of_those,
    work_named,
    work_phrases,
)
from dockvoice_protocol.forms.spoken.confusable import heard_alike
from dockvoice_protocol.forms.spoken.jsgf import jsgf
from dockvoice_protocol.forms.spoken.likewise import from_now_on, likewise, same_again
from dockvoice_protocol.forms.spoken.pauses import are_one_number, begins, ends, expected
from dockvoice_protocol.forms.spoken.reader import preface, read, read_given
from dockvoice_protocol.forms.spoken.sentences import further, phrases, sentences
from dockvoice_protocol.forms.spoken.transcript import read_transcript, transcript_preface
from dockvoice_protocol.forms.spoken.vocabulary import check, spoken_words, vocabulary
from dockvoice_protocol.languages import LANGUAGES
