"""HTML and SVG, built as a tree: whatever text is put in comes out escaped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

Element = ET.Element
Content = Element | str


def element(tag: str, *content: Content, **attributes: str | float) -> Element:
    """An element with its content. `_` in an attribute's name stands for `-`, one at its end for nothing."""
    named = {name.rstrip("_").replace("_", "-"): _text(value) for name, value in attributes.items()}
    made = ET.Element(tag, named)
    for one in content:
        append(made, one)
    return made


def append(parent: Element, content: Content) -> None:
    """Put an element or a text at the end of `parent`."""
    if isinstance(content, Element):
        parent.append(content)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + content
    else:
        parent.text = (parent.text or "") + content


def document(root: Element) -> str:
    """The page as a file holds it."""
    return "<!doctype html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
