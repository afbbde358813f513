"""OpenFst files: a language model emptied of all but its symbols.

The format is that of `FstHeader::Write` (fst.cc), `SymbolTableImpl::Write` (symbol-table.cc) and `VectorFst` of OpenFst
1.8, little-endian: a header, the symbol tables that its flags announce, then the states.
"""

from __future__ import annotations

import struct

_FST, _SYMBOLS = 2_125_659_606, 2_125_658_996  # The first number of a file, and of a symbol table within it.

_HAS_SYMBOLS = (1, 2)  # The header's flags for symbols of the input, and of the output.

_EXPANDED_AND_MUTABLE = 3  # The properties that a VectorFst must have; all others are worked out when asked for.

_VECTOR, _VECTOR_VERSION = b"vector", 2

_FINAL_STATE = struct.pack("<fq", 0.0, 0)  # A state with its final weight, and without arcs.


def without_arcs(content: bytes) -> bytes:
    """An OpenFst file of one state, with the symbols of this one; `content` itself where it is no such file."""
    try:
        return _without_arcs(_Reader(content))
    except struct.error:  # It ends too early.
        return content


def _without_arcs(file: _Reader) -> bytes:
    if file.number("<i") != _FST:
        return file.content
    file.text()  # The type of the FST: the new one is a vector.
    arcs = file.text()
    _, flags, *_ = (file.number(form) for form in ("<i", "<i", "<Q", "<q", "<q", "<q"))
    symbols_at = file.at
    for _ in (bit for bit in _HAS_SYMBOLS if flags & bit):
        if file.number("<i") != _SYMBOLS:
            return file.content
        file.text()  # The table's name.
        file.number("<q")  # The next free key.
        for _ in range(file.number("<q")):
            file.text()
            file.number("<q")
    kept = flags & sum(_HAS_SYMBOLS)
    header = struct.pack("<iiQqqq", _VECTOR_VERSION, kept, _EXPANDED_AND_MUTABLE, 0, 1, 0)
    symbols = file.content[symbols_at : file.at]
    return b"".join((struct.pack("<i", _FST), _as_text(_VECTOR), _as_text(arcs), header, symbols, _FINAL_STATE))


class _Reader:
    """Reads numbers and texts, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def number(self, form: str) -> int:
        """The next number. Raises struct.error at the end of the file."""
        (found,) = struct.unpack_from(form, self.content, self.at)
        self.at += struct.calcsize(form)
        return int(found)

    def text(self) -> bytes:
        """The next text: its length, then its bytes."""
        size = self.number("<i")
        self.at += size
        return self.content[self.at - size : self.at]


def _as_text(said: bytes) -> bytes:
    return struct.pack("<i", len(said)) + said
