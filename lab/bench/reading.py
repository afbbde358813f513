"""Measures how fast spoken sentences are read: `python -m lab.bench.reading [FILE...]`.

A file has a line for each sentence, as `dockvoice forms read --lines` takes them; without one, the repository's
sentences by strangers are read. Timed are those of 18 to 22 words, each by itself, and lists of forty alternatives of
one utterance: words are exchanged, left out or come later, so that no two are alike. Printed is the processor time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from time import thread_time

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.forms.spoken.reader import make_timed_words, parse_meaning
from dockvoice_protocol.records import Word
from edge.config import Settings
from lab.bench.command import REPOSITORY, make_parser, print_tables
from lab.report.comparing import Table
from lab.report.statistics import Z_95

_SHORTEST, _LONGEST = 18, 22  # Words of a sentence.
_FEWEST = 300  # More sentences than the reader remembers, so that it reads each anew the second time too.
_ALTERNATIVES = 40
_EVERY = 8  # Of every so many sentences there is a list of alternatives.
_PAUSES_S = (0.0, 0.03, 0.1, 0.3)  # By which the words behind an exchanged one come later.


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, with its form and language."""

    words: tuple[Word, ...]
    form: Form
    language: Language


def read_sentences(files: Sequence[Path], settings: Settings, catalogue: Catalogue) -> Iterator[Said]:
    """The files' sentences of the measured length, but for those whose form is not at hand."""
    forms = load_forms(settings.forms_directory)
    for line in (line for file in files for line in file.read_text(encoding="utf-8").splitlines()):
        saying = json.loads(line)
        form, text = forms.get(saying.get("form", settings.forms.active)), saying["text"]
        if form is not None and _SHORTEST <= len(text.split()) <= _LONGEST:
            language = language_named(saying.get("language", "en"))
            yield Said(make_timed_words(text, form, catalogue, language), form, language)


def make_alternatives(said: Said, random: Random) -> list[Said]:
    """The sentence and others like it, no two with the same words."""
    found = {tuple(word.text for word in said.words): said}
    while len(found) < _ALTERNATIVES:
        at, late = random.randrange(len(said.words)), random.choice(_PAUSES_S)
        before, behind = said.words[:at], said.words[at + 1 :]
        other = replace(said.words[at], text=random.choice(said.words).text)
        later = (replace(word, start=word.start + late, end=word.end + late) for word in behind)
        words = (*before, *random.choice([(other,), ()]), *later)
        found.setdefault(tuple(word.text for word in words), replace(said, words=words))
    return list(found.values())


def measure_ms(sentences: Sequence[Said], catalogue: Catalogue) -> float:
    """The milliseconds of processor time in which all are read."""
    began = thread_time()
    for one in sentences:
        parse_meaning(one.words, one.form, catalogue, one.language)
    return (thread_time() - began) * 1000


def format_quantile(values: Sequence[float], share: float) -> str:
    """Format a quantile with its 95 % interval, by the ranks between which the true one is: `1.6 (1.5-1.7)`."""
    ranked, of = sorted(values), len(values)
    reach = Z_95 * math.sqrt(of * share * (1 - share))
    ranks = (of * share, of * share - reach, of * share + reach)
    middle, least, most = (ranked[min(max(math.ceil(rank) - 1, 0), of - 1)] for rank in ranks)
    return f"{middle:.1f} ({least:.1f}-{most:.1f})"


def main() -> None:
    """Measure and print."""
    parser = make_parser("lab.bench.reading", __doc__)
    parser.add_argument("files", type=Path, nargs="*", default=sorted((REPOSITORY / "tests/data").glob("blind*.jsonl")))
    options = parser.parse_args()
    settings = load_settings(Settings, None)
    catalogue = Catalogue.load(settings.catalogue_directory)
    sentences = list(read_sentences(options.files, settings, catalogue))
    if len(sentences) < _FEWEST:
        raise UnreadableInput(f"found {len(sentences)} sentences of {_SHORTEST} to {_LONGEST} words; needed: {_FEWEST}")
    random = Random(0)  # noqa: S311 - the same run reads the same alternatives
    lists = [make_alternatives(one, random) for one in sentences[::_EVERY]]
    measure_ms(sentences, catalogue)  # The languages and forms are made ready.
    read = {
        f"a sentence of {_SHORTEST} to {_LONGEST} words": [measure_ms([one], catalogue) for one in sentences],
        f"{_ALTERNATIVES} alternatives of one": [measure_ms(one, catalogue) for one in lists],
    }
    rows = ((name, str(len(ms)), format_quantile(ms, 0.5), format_quantile(ms, 0.99)) for name, ms in read.items())
    note = "Milliseconds of processor time. In brackets: 95 % intervals, by rank."
    print_tables(Table("Reading", ("read", "n", "median", "99 %"), tuple(rows), note))


if __name__ == "__main__":
    main()
