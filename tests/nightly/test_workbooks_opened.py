"""What the CSV folder hands over, opened by LibreOffice: no formula runs, and a workbook keeps its zeros."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from inventory.connect.csv_folder import CsvFolder, CsvFolderSettings
from tests.erp.postings import posting

FORMULA = '=WEBSERVICE("http://127.0.0.1:9/stolen")'


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_spreadsheet_shows_what_was_said_and_computes_nothing(tmp_path: Path, form: str) -> None:
    share = tmp_path / "share"
    share.mkdir()
    files = CsvFolder("files", CsvFolderSettings.model_validate({"folder": share, "format": form, "batch_lines": 1}))
    files.post(posting(pallet="007", lot=FORMULA, quantity=Decimal("2.5"), operator="José"), None)
    (file,) = (share / "out").iterdir()
    opened = tmp_path / "opened"
    profile = f"-env:UserInstallation=file://{tmp_path / 'profile'}"
    # 44: commas; 34: quotes; 76: UTF-8.
    reads = ["--infilter=CSV:44,34,76"] if form == "csv" else []
    words = ["soffice", profile, "--headless", *reads, "--convert-to", "xlsx", "--outdir", str(opened), str(file)]
    subprocess.run(words, check=True, capture_output=True, timeout=240)
    header, row = load_workbook(opened / f"{file.stem}.xlsx").active.iter_rows()
    shown = {str(name.value): cell for name, cell in zip(header, row, strict=True)}
    assert shown["lot"].data_type == "s"
    assert shown["lot"].value == (FORMULA if form == "xlsx" else f"'{FORMULA}")
    assert shown["operator"].value == "José"
    assert shown["quantity"].value == 2.5
    assert shown["pallet"].value == ("007" if form == "xlsx" else 7)  # docs/connect.md says so
