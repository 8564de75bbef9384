"""`orderpool progress-link` and `orderpool sms` from the shell."""

from pathlib import Path

import pytest

from models.errors import SetupError
from models.sealing import read_order_link
from models.settings import settings
from sandbox.server import Sandbox
from tests.deployments.calling import answer, run
from tests.fakes import FakePool, payload


def test_a_link_is_printed_for_the_order_of_a_number(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "https://oms.example.com/")
    settings.cache_clear()
    pool = FakePool()
    pool.take([payload(1), payload(2)])
    pool.execute("update orders set created_at = now() - interval '1 day'")

    link = run("progress-link", "2").strip()

    assert link.startswith("https://oms.example.com/progress/t/")
    read = read_order_link(link.rpartition("/")[2])
    assert read is not None
    assert read[0] == pool.rows("select id from orders where order_no = '2'")[0][0]
    with pytest.raises(SetupError, match="order 9: is not in the pool; so it has no link"):
        run("progress-link", "9")


def test_the_sms_service_is_stored_and_told_of(database: str, running_sandbox: Sandbox, tmp_path: Path) -> None:
    code, said = answer("sms", "set", "--credential", "sign_name=示例")
    assert (code, "access_key_id, access_key_secret, template_code" in said) == (1, True)

    given = tmp_path / "sms.yaml"
    given.write_text("\n".join(f"{name}: {value}" for name, value in running_sandbox.sms().items()), "utf-8")
    assert "stored" in run("sms", "set", "--credentials-file", given)
    assert "no code was asked for" in run("sms", "status")
    FakePool().execute(
        """insert into progress_code (browser_hash, phone_hash, state, tries, made_at, ends_at, next_at, last_error)
           values ('', '', 'refused', 0, now(), now(), now(), 'sms aliyun: SendSms: isv.OUT_OF_SERVICE')"""
    )
    assert "refused: 1 (sms aliyun: SendSms: isv.OUT_OF_SERVICE)" in run("sms", "status")
