"""Records that both sides share, by subject: readings, sites, receipts. All are frozen values."""

from dockvoice_protocol.hash_chain import INSTANCE
from dockvoice_protocol.records.command import Command, Trait
from dockvoice_protocol.records.loudness import LOUD_DB, NOISY_DB, QUIET_DB
from dockvoice_protocol.records.master import Converted, Factor
from dockvoice_protocol.records.reading import (
    DECIMAL_DIGITS,
    SCANNER,
    Act,
    Expectation,
    FieldReading,
    FieldValue,
    Hallucination,
    NotUnderstood,
    Reading,
    ScanFault,
    Transcript,
    Usage,
    Word,
    exact,
    plain,
    written,
)
from dockvoice_protocol.records.receipt import Receipt, ReceiptOutcome
from dockvoice_protocol.records.site import (
    ExpectedLine,
    ExpectedList,
    Operator,
    PlaceKind,
    ReceivingPlace,
    Roster,
    ShiftChange,
    Shifted,
    operators_of,
)
