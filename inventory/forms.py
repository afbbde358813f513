"""Loads the forms as JSON Schemas, by which the inventory validates every entry a second time.

Also gives the roles of their fields: which field is the pallet, the quantity, the trailer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.field_roles import FieldRole, fields_by_role, role_faults, uses_expected_lists
from dockvoice_protocol.json_schema import SchemaValidator, compile_fast_check
from dockvoice_protocol.records import to_decimal

_SUFFIX = ".schema.json"


def _multiple_of(_: Validator, step: float, value: object, __: object) -> Iterator[ValidationError]:
    """`multipleOf` with exact decimals: as doubles, 0.3 would be no multiple of 0.1."""
    if isinstance(value, int | float) and not isinstance(value, bool) and to_decimal(value) % to_decimal(step):
        yield ValidationError(f"{value} is not a multiple of {step}")


_Exactly: type[Validator] = extend(SchemaValidator, {"multipleOf": _multiple_of})  # type: ignore[no-untyped-call]
_DATES = FormatChecker(["date"])  # JSON Schema 2020-12 does not validate `format` unless a checker is given.


class Form:
    """A form's JSON Schema, compiled."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        self.schema = schema  # `true` is a schema too
        self._is_surely_valid = compile_fast_check(schema)
        self._validator = _Exactly(schema, format_checker=_DATES)

    def iter_errors(self, fields: Mapping[str, Any]) -> Iterator[ValidationError]:
        """The violations of the schema."""
        return iter(()) if self._is_surely_valid(fields) else self._validator.iter_errors(fields)


Forms = Mapping[str, Form]  # By the form's name, which is the file's name without `.schema.json`.


def load_forms(directory: Path) -> Forms:
    """Load every form of `directory`. Of `x-voice`, which describes speech, only the roles are read.

    Raises Misconfigured if there is no form, if a file is not a JSON Schema, or if a role is wrong.
    """
    files = sorted(directory.glob(f"*{_SUFFIX}"))
    if not files:
        raise Misconfigured(
            f"{directory}: holds no form (*{_SUFFIX}); set forms_directory to where the devices' forms are"
        )
    return {path.name.removesuffix(_SUFFIX): _load_form(path) for path in files}


def _load_form(path: Path) -> Form:
    try:
        schema = json.loads(plain_file.read_regular_file(path).decode("utf-8"))
        Draft202012Validator.check_schema(schema)
    except OSError as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault.strerror}); mend its permissions") from None
    except ValueError as fault:
        raise Misconfigured(f"{path}: is not JSON in UTF-8: {fault}") from None
    except SchemaError as fault:
        raise Misconfigured(f"{path}: is not a JSON Schema 2020-12: {fault.json_path}: {fault.message}") from None
    if faults := [*role_faults(schema)]:
        raise Misconfigured(f"{path}: {'; '.join(faults)} (how to write a form: schemas/README.md)")
    return Form(schema)


def form_field_names(form: Form) -> Collection[str]:
    """The names of a form's fields."""
    return form.schema.get("properties", {}) if isinstance(form.schema, Mapping) else ()


def list_names(forms: Forms) -> list[str]:
    """The lists of the catalogue from which any field of these forms is filled."""
    schemas = [form.schema for form in forms.values() if isinstance(form.schema, Mapping)]
    fields = [field for schema in schemas for field in schema.get("properties", {}).values()]
    voices = [field.get("x-voice") for field in fields if isinstance(field, Mapping)]
    named = [voice.get("catalogue") for voice in voices if isinstance(voice, Mapping)]
    return sorted({name for name in named if isinstance(name, str)})


def find_faults(form: Form, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The faults of an entry, as `/quantity: breaks maximum 9999`: names the rule, never the value."""
    found = sorted(form.iter_errors(fields), key=lambda fault: [str(step) for step in fault.absolute_path])
    return tuple(_format_fault(fault) for fault in found)


def _format_fault(fault: ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in fault.absolute_path)
    pointer = "/" + "/".join(steps)
    if fault.validator == "required":
        return f"{pointer}: {fault.message}"
    # A rule that is a list or an object, such as an enum, may be long: its name and place are enough.
    value = fault.validator_value
    return f"{pointer}: breaks {fault.validator}" + (f" {value}" if isinstance(value, str | int | float) else "")


Roles = dict[str, dict[str, Any]]  # By form: its kind, the field of each role, and the title of each field by language.


def load_roles(forms: Forms, receipts: Collection[str] = (), damages: Collection[str] = ()) -> Roles:
    """The roles of each form. `receipts` and `damages`: forms whose entries are receipts, and reports of damage.

    A form that counts against expected lists (`x-voice.expects`) is a receipt, named or not.
    """
    return {name: _form_roles(name, form.schema, receipts, damages) for name, form in forms.items()}


def _form_roles(name: str, schema: object, receipts: Collection[str], damages: Collection[str]) -> dict[str, Any]:
    said = schema if isinstance(schema, Mapping) else {}  # `true` is a schema too
    voice, properties = said.get("x-voice", {}), said.get("properties", {})
    titles = {field: _titles(field, one) for field, one in properties.items()}
    if "closes" in voice:
        return {"kind": "closing", "fields": {"trailer": str(voice["closes"])}, "titles": titles}
    fields = {str(role): field for role, field in fields_by_role(said).items()}
    units = [field for field, of in properties.items() if _quantity_field(of) == fields.get("quantity", "")]
    if units:
        fields["uom"] = units[0]
    is_receipt = name in receipts or (uses_expected_lists(said) and "quantity" in fields)
    kind = "receipt" if is_receipt else "damage" if name in damages else "other"
    return {"kind": kind, "fields": fields, "titles": titles}


def _titles(field: str, of: object) -> dict[str, str]:
    """A field's title by language: its English title, and its first label in other languages."""
    said = of if isinstance(of, Mapping) else {}
    spoken = {language: (one.get("labels") or [""])[0] for language, one in said.get("x-languages", {}).items()}
    found = {language: label[:1].upper() + label[1:] for language, label in spoken.items() if label}
    return {**found, "en": str(said.get("title", field))}


def _quantity_field(field: object) -> str | None:
    """The name of the field whose unit this field is."""
    voice = field.get("x-voice", {}) if isinstance(field, Mapping) else {}
    return voice.get("of") if isinstance(voice, Mapping) else None


def compared_pallet_fields(directory: Path) -> dict[str, str]:
    """The pallet field of each form that is compared with expected lists."""
    schemas = {name: form.schema for name, form in load_forms(directory).items()}
    found = {name: fields_by_role(one)[FieldRole.PALLET] for name, one in schemas.items() if uses_expected_lists(one)}
    if not found:
        raise UnreadableInput(
            f"{directory}: no form is compared with expected lists; set x-voice.expects in one (schemas/README.md)"
        )
    return found


def field_names_with_role(of: Roles, role: str) -> list[str]:
    """Every name that a role's field has in any form, and the role's own."""
    return sorted({str(one["fields"][role]) for one in of.values() if role in one["fields"]} | {role})
