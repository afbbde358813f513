from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from lab.bench import accuracy

PLACES = """# Page
<!-- figures of development: Second -->
old
<!-- end -->
between
<!-- figures of human -->
of others
<!-- end -->
<!-- figures of development -->
<!-- end -->
after
"""

FOUND = "3 sounds.\n\n### First\n\n| a |\n\n### Second\n\n| b |\n\n### Third\n\n| c |\n"


def put(found: Path, page: Path, *more: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["accuracy", str(found), "--page", str(page), *more])
        accuracy.main()


@pytest.mark.parametrize(
    ("figures", "text", "of", "told"),
    [
        ("a traceback", PLACES, "development", "figures.md: holds no table"),
        (FOUND, "no place at all", "development", "page.md: has no line"),
        (FOUND, PLACES, "dogs", "figures of dogs"),
        (FOUND, "<!-- figures of development -->\nnever ended", "development", "<!-- end -->"),
    ],
)
def test_a_page_is_left_alone_where_something_is_missing(
    tmp_path: Path, figures: str, text: str, of: str, told: str
) -> None:
    found, page = tmp_path / "figures.md", tmp_path / "page.md"
    found.write_text(figures, encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=re.escape(told)):
        put(found, page, "--of", of)
    assert page.read_text(encoding="utf-8") == text


def test_each_table_comes_where_the_page_wants_it_and_the_rest_stays(tmp_path: Path) -> None:
    found, page = tmp_path / "figures.md", tmp_path / "page.md"
    found.write_text(FOUND, encoding="utf-8")
    page.write_text(PLACES, encoding="utf-8")
    put(found, page)
    once = page.read_text(encoding="utf-8")
    put(found, page)
    assert page.read_text(encoding="utf-8") == once
    assert (
        once
        == """# Page
<!-- figures of development: Second -->

### Second

| b |

<!-- end -->
between
<!-- figures of human -->
of others
<!-- end -->
<!-- figures of development -->

3 sounds.

### First

| a |

### Third

| c |

<!-- end -->
after
"""
    )
