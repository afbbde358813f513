"""What is said, in English: words to the fields of a form, and a form to the words a recogniser should expect."""

from edge.forms.spoken.jsgf import jsgf
from edge.forms.spoken.kinds import Spoken
from edge.forms.spoken.reader import read
from edge.forms.spoken.sayable import check
from edge.forms.spoken.sentences import phrases
from edge.forms.spoken.vocabulary import vocabulary

__all__ = ["Spoken", "check", "jsgf", "phrases", "read", "vocabulary"]
