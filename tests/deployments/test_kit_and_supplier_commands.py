"""`orderpool kit` and `orderpool supplier` as a person gives them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import FakePool
from tests.tasks.shipping import instructed


@pytest.fixture
def sent(database: str) -> FakePool:
    """One order of 3 TEA and 1 CUP in a document of WH-A, and a SKU that may become a kit."""
    pool = FakePool()
    pool.stock(TEA=10, CUP=10)
    pool.execute("insert into sku (code, name, barcode, weight_g) values ('GIFT', '', '', 0)")
    return instructed(pool, {"TEA": 3, "CUP": 1})


def orderpool(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "deployments.cli", *arguments]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_kits_are_imported_listed_and_removed(sent: FakePool, tmp_path: Path) -> None:
    file = tmp_path / "kits.csv"
    file.write_text("kit,component,quantity,note\nGIFT,TEA,1,\nGIFT,CUP,2,\n")

    assert orderpool("kit", "import", str(file)) == (
        0,
        "kits: 1 added, 0 changed, 0 as they were\ncolumns that mean nothing here: note\n",
    )
    assert orderpool("kit", "list") == (0, "GIFT  4 sellable: 2 CUP, 1 TEA\n")
    assert orderpool("kit", "remove", "GIFT") == (0, "kit GIFT: removed\n")


def test_a_kit_that_cannot_be_is_one_sentence(sent: FakePool, tmp_path: Path) -> None:
    file = tmp_path / "kits.csv"
    file.write_text("kit,component,quantity\nTEA,CUP,1\n")

    code, said = orderpool("kit", "import", str(file))

    assert (code, "line 2, kit 'TEA': cannot be a kit: 10 of it lie in WH-A" in said) == (1, True)
    assert "Traceback" not in said


def test_a_suppliers_file_is_taken_in_and_its_bad_rows_are_named(sent: FakePool, tmp_path: Path) -> None:
    ((no,),) = sent.rows("select no from outbound_document")
    file = tmp_path / "shipped.csv"
    file.write_text(f"outbound_no,carrier,waybill\n{no},yuantong,YT1\nOB9,yuantong,YT2\nOB8,,\n")

    code, said = orderpool("supplier", "report", str(file), "--warehouse", "WH-A")

    assert code == 1
    assert "documents: 1 reported shipped, 0 reported before, 0 without a waybill yet" in said
    assert "line 3, outbound_no 'OB9': WH-A has no such document" in said
    assert sent.rows("select source, state from inbox") == [("wms:WH-A", "new")]
