"""Parses words or a transcript into the fields of a form, and lists a form's words for recognisers."""

from dockvoice_protocol.forms.spoken.commands import (
    FEW,
    LACKING,
    TODAY,
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
    from_now_on,
    holds_check,
    is_among,
    likewise,
    murmurs,
    numbers_said,
    of_last_one,
    points_at_last,
    presented,
    proves,
    refuses,
    same_again,
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
from dockvoice_protocol.forms.spoken.pauses import are_one_number, begins, ends, expected
from dockvoice_protocol.forms.spoken.reader import read, read_transcript, understood
from dockvoice_protocol.forms.spoken.sentences import check, further, jsgf, phrases, sentences, spoken_words, vocabulary
from dockvoice_protocol.languages import LANGUAGES
