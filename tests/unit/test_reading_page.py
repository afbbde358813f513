from __future__ import annotations

from dockvoice_protocol.forms.spoken.kinds import KINDS
from dockvoice_protocol.forms.spoken.language import ENGLISH
from tests.reading.page import MARKED, PAGE, PARTS, written


def test_the_page_has_the_costs_and_what_is_printed_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {name for _, name, _ in MARKED.findall(page)} == set(PARTS)
    assert written(page) == page, "write it again: python -m tests.reading.page"


def test_the_page_names_every_list_of_a_language_file() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = ENGLISH.table
    of_kinds = {kind.section for kind in KINDS.values()}
    sections = (name for name in table if isinstance(table[name], dict) and name not in of_kinds)
    keys = [*table["words"], *table["not_a_record"], *sections]
    assert [key for key in keys if f"`{key}`" not in page and f"`[{key}]`" not in page] == []
