"""Records that both sides share, by subject: readings, sites, receipts. All are frozen values."""

from dockvoice_protocol.hash_chain import INSTANCE
from dockvoice_protocol.records.master import ConvertedQuantity, UnitFactor
from dockvoice_protocol.records.reading import (
    DECIMAL_DIGITS,
    SCANNER,
    Act,
    Command,
    CommandTrait,
    FieldReading,
    FieldValue,
    HallucinationKind,
    NotUnderstoodReason,
    Reading,
    ScanFault,
    Transcript,
    TurnExpectation,
    Usage,
    Word,
    as_text,
    format_number,
    to_decimal,
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
    ShiftEvent,
    make_operators,
)
from dockvoice_protocol.trailer_count import ExpectedLine
