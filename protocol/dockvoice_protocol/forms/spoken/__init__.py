"""Parses words or a transcript into the fields of a form, and lists a form's words for recognisers."""

from dockvoice_protocol.forms.spoken.commands import (
    FEW,
    LACKING,
    TODAY,
    begins_with_cancellation,
    begins_with_last_one,
    cancels_after_no,
    cancels_open_entry,
    chosen_position,
    command_phrases,
    contains_check,
    corrects_named_thing,
    form_choice_phrases,
    is_check,
    is_correction,
    is_courtesy,
    is_listed_command,
    is_murmur,
    last_entry_cue,
    leading_cue,
    names_by_position,
    parse_break_reason,
    parse_command,
    parse_command_with_object,
    parse_exception,
    parse_work,
    possible_digit_strings,
    says_all_is_well,
    says_next,
    speaker_name,
    split_at_listed,
    split_at_same_place,
    split_sign_on,
    without_courtesy,
    without_cue,
    without_part_reference,
    words_after_sign_on,
    words_behind_pointer,
)
from dockvoice_protocol.forms.spoken.confusable import confusable_pairs
from dockvoice_protocol.forms.spoken.pauses import are_one_number, expect_more, number_head, number_tail
from dockvoice_protocol.forms.spoken.reader import parse_meaning, read_fields, read_transcript
from dockvoice_protocol.forms.spoken.sentences import (
    check_speakable,
    english_words_with_meaning,
    generate_sentences,
    jsgf_grammar,
    sample_sentences,
    sentences_with_further_words,
    vocabulary,
)
from dockvoice_protocol.languages import LANGUAGES
