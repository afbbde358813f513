"""What the console's pages say, in every language."""

from __future__ import annotations

import re
from string import Formatter

from starlette.datastructures import Headers

from inventory.console.rendering import TEMPLATE_FOLDER, negotiate_language
from inventory.words import WORDS_FOLDER, all_texts, languages
from tests.rows import every

KEY = re.compile(r"""text\(\s*["']([a-z_]+\.[a-z_]+)["'](?! ~)""")


def holes(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None}


def test_each_language_says_the_same_things_about_the_same_things() -> None:
    english = all_texts("en")

    def says_it(language: str) -> None:
        there = all_texts(language)
        assert set(there) == set(english)
        assert {key for key in english if holes(there[key]) != holes(english[key])} == set()
        assert {key for key, words in there.items() if not words.strip()} == set()

    every([language for language in languages("frame") if language != "en"], says_it)


def test_what_templates_and_pages_say_is_there() -> None:
    files = [*TEMPLATE_FOLDER.glob("*.html"), *WORDS_FOLDER.with_name("console").rglob("*.py")]
    said = {key for file in files for key in KEY.findall(file.read_text(encoding="utf-8"))}
    assert len(said) > 25
    assert said - set(all_texts("en")) == set()


def test_a_browser_is_shown_the_first_language_it_asks_for_that_is_there() -> None:
    asks = Headers({"accept-language": "pt-BR, it;q=0.8, de;q=0.7"})
    assert negotiate_language(None, asks, "en") == "it"
    assert negotiate_language("fr", asks, "en") == "fr"
    assert negotiate_language("xx", Headers({}), "es") == "es"
