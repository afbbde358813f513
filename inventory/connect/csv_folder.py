"""The CSV folder: imports files that another system or a person drops, and writes files for them to fetch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import Field

from dockvoice_protocol.config import Place, Section
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.systemd import refuse_root_for_others
from inventory.connect.csv_in import FileImporter
from inventory.connect.csv_out import BatchLimits, FileWriter, Format
from inventory.connect.notices import receipt_notice, reversal_notice, reversal_reference
from inventory.connect.ports import Away, Connector, Document, DocumentState, Posting, PulledData, ReversalReason
from inventory.connect.settings import ConnectionSettings

log = logging.getLogger("inventory.connect")


class CsvFolderSettings(Section):
    """A folder that both sides reach."""

    folder: Place = Field(description="the folder; in it `in` is read, and what is in `out` may be taken away")
    format: Format = Field(Format.CSV, description="what is handed over: csv or xlsx")
    batch_lines: int = Field(500, ge=1, le=100_000, description="a file is handed over with so many lines")
    operator_forms: tuple[str, ...] = Field(
        (), description="forms that operators in dropped files may be given; unset: none is named there"
    )
    batch_s: float = Field(60, ge=0, le=86_400, description="or when its first line is so old, seconds")


class CsvConnection(ConnectionSettings):
    """A connector to a CSV folder."""

    csv: CsvFolderSettings

    def connector(self) -> CsvFolder:
        """Create the connector."""
        if self.csv.folder.is_dir():  # an unmounted folder is no error here: calls raise Away until it is mounted
            refuse_root_for_others(self.csv.folder)
        return CsvFolder("csv", self.csv)


def _now() -> datetime:
    return datetime.now(UTC)


class CsvFolder(Connector):
    """Connector to a system that reads and writes files in a shared folder."""

    def __init__(self, name: str, settings: CsvFolderSettings, now: Callable[[], datetime] = _now) -> None:
        """Raises Misconfigured where a library is missing."""
        if settings.format is Format.XLSX:
            _require_openpyxl(name)
        self._settings = settings
        self._out = FileWriter(
            name, settings.folder, settings.format, BatchLimits(settings.batch_lines, settings.batch_s), now
        )
        self._in = FileImporter(name, settings.folder, settings.operator_forms, now)

    def find(self, posting: Posting) -> Sequence[Document]:
        """The document of the posting's line, if one was written."""
        file = self._out.file_of(posting.reference, posting)
        if file is None:
            return ()
        back = self._out.file_of(reversal_reference(posting), posting)
        return (Document(posting.reference, back or file, DocumentState.REVERSED if back else DocumentState.DONE),)

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Append the posting's line, unless it was written; there are no drafts."""
        del draft
        if self._out.file_of(posting.reference, posting) is None:
            self._out.append(receipt_notice(posting))
        return self.find(posting)[0]

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Append a line that reverses the posting, unless it was written."""
        if self._out.file_of(reversal_reference(posting), posting) is None:
            self._out.append(reversal_notice(posting, why))
        return next(iter(self.find(posting)), document)

    def pull(self) -> PulledData:
        """Import the dropped files; the current lists, items and operators."""
        return self._in.pull()

    def flush_old_batch(self) -> None:
        """Close the batch if it is old enough, and move it into the folder."""
        self._out.close_batch(only_old=True)

    def describe_system(self) -> str:
        """Describe the folder and the file format."""
        return f"CSV folder {self._settings.folder}, {self._settings.format} files"

    def close(self) -> None:
        """Hand over the batch. After a failure the next start does it: the batch is on the disk."""
        try:
            self._out.close_batch()
        except Away as fault:
            log.warning("%s; what waits is handed over by the next start", fault)


def _require_openpyxl(name: str) -> None:
    try:
        import openpyxl  # noqa: F401, PLC0415 - an optional library, needed for xlsx alone
    except ModuleNotFoundError:
        message = "format xlsx needs openpyxl; pip install 'dockvoice-inventory[excel]', or set format = \"csv\""
        raise Misconfigured(f"{name}: {message}") from None
