"""What the fields of each form say of a trailer: which one is the pallet, the count, the trailer. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from inventory.forms import Forms

CALLED = {
    "pallet": ("pallet_id", "pallet"),
    "item": ("item",),
    "quantity": ("quantity",),
    "lot": ("lot",),
    "expiry": ("expiry", "best_before"),
    "damaged": ("damaged",),
    "short": ("short",),
    "over": ("over",),
    "exception": ("exception", "condition"),
    "trailer": ("trailer",),
}
"""By role: what the field is called where the form's `x-voice.expects` names no other (docs/dossier.md)."""

Roles = dict[str, dict[str, Any]]
"""By form: what it is for, which field has which role, and what people call each field, by language."""


def roles(forms: Forms, receipts: Collection[str] = (), damages: Collection[str] = ()) -> Roles:
    """Of each form. `receipts` and `damages` are those whose entries are receipts, and reports of damage.

    A form that holds pallets and counts against lists of expected receipts is one of receipts, named or not.
    """
    return {name: _of(name, form.schema, receipts, damages) for name, form in forms.items()}


def _of(name: str, schema: object, receipts: Collection[str], damages: Collection[str]) -> dict[str, Any]:
    said = schema if isinstance(schema, Mapping) else {}  # `true` is a schema too
    voice, properties = said.get("x-voice", {}), said.get("properties", {})
    expects = voice.get("expects", {})
    titles = {field: _titles(field, one) for field, one in properties.items()}
    if "closes" in voice:
        return {"kind": "closing", "fields": {"trailer": str(voice["closes"])}, "titles": titles}
    fields = {role: str(expects[role]) for role in CALLED if role in expects}
    for role, names in CALLED.items():
        there = [one for one in names if one in properties]
        if role not in fields and there:
            fields[role] = there[0]
    units = [field for field, of in properties.items() if _counts(of) == fields.get("quantity", "")]
    if units:
        fields["uom"] = units[0]
    is_receipt = name in receipts or {"pallet", "quantity"} <= {*expects}
    kind = "receipt" if is_receipt else "damage" if name in damages else "other"
    return {"kind": kind, "fields": fields, "titles": titles}


def _titles(field: str, of: object) -> dict[str, str]:
    """What people call a field, by language: its title, and the first of the words that open it elsewhere."""
    said = of if isinstance(of, Mapping) else {}
    spoken = {language: (one.get("labels") or [""])[0] for language, one in said.get("x-languages", {}).items()}
    found = {language: label[:1].upper() + label[1:] for language, label in spoken.items() if label}
    return {**found, "en": str(said.get("title", field))}


def _counts(field: object) -> str | None:
    """The field whose unit this one is."""
    voice = field.get("x-voice", {}) if isinstance(field, Mapping) else {}
    return voice.get("of") if isinstance(voice, Mapping) else None


def trailer_fields(of: Roles) -> list[str]:
    """Every name that the field with the trailer has."""
    return sorted({str(one["fields"]["trailer"]) for one in of.values() if "trailer" in one["fields"]} | {"trailer"})
