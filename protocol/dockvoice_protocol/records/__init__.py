"""Records that both sides share, by subject: readings, sites, receipts. All are frozen values."""

from dockvoice_protocol.hash_chain import INSTANCE
from dockvoice_protocol.records.master import Converted, Factor
from dockvoice_protocol.records.reading import (
    DECIMAL_DIGITS,
    SCANNER,
    Act,
    Command,
    Expectation,
    FieldReading,
    FieldValue,
    Hallucination,
    NotUnderstood,
    Reading,
    ScanFault,
    Trait,
    Transcript,
    Usage,
    Word,
    format_number,
    to_decimal,
    written,
)
from dockvoice_protocol.records.site import (
    LOUD_DB,
    NOISY_DB,
    QUIET_DB,
    ExpectedList,
    Operator,
    PlaceKind,
    Receipt,
    ReceiptOutcome,
    ReceivingPlace,
    Roster,
    ShiftChange,
    Shifted,
    make_operators,
)
from dockvoice_protocol.trailer_count import ExpectedLine
