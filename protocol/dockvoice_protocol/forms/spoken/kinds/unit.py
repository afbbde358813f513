"""Unit: the code of the unit in which another field is counted, "cases"."""

from __future__ import annotations

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.kinds.kind import Keywords, ReadsAloud
from dockvoice_protocol.forms.spoken.kinds.text import Choice
from dockvoice_protocol.forms.spoken.language import Language


class UnitCode(Choice):
    """The unit of another field."""

    name = "unit"
    by_unit = True
    keywords = Keywords(
        own={
            "enum": {
                "type": "array",
                "items": {
                    "type": "string",
                    "pattern": "^[A-Z0-9]{1,3}$",
                    "description": "a code of two or three capitals and digits: 'CS', as in UN/ECE Rec 20 and 21",
                },
                "minItems": 1,
                "uniqueItems": True,
            }
        },
        required=("enum",),
        voice={"of": {"type": "string"}, "item": {"type": "string"}},
        voice_required=("of",),
    )

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """The unit word for several."""
        return voice.unit(field, value)
