"""The web application on loopback over an order pool with one shop, one warehouse and one document."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import uvicorn

from models.database import transaction
from models.sealing import seal, unseal
from models.settings import clock
from tasks.credentials import Owner, keep_secrets
from tasks.setup import add_shop, import_skus, import_warehouses
from tests.shared_pool import emptied, shared_pool
from web.app import create_app

WAREHOUSE_SECRET = "whsec_" + "QUJD" * 8
INBOUND_SECRET = "whsec_" + "REVG" * 8
PULL_TOKEN = "pull-token-of-warehouse-e"
OTHER_PULL_TOKEN = "pull-token-of-warehouse-w"
WEBHOOK_SECRET = "a shop's webhook secret"
SALT = "9f2c1e7ab0d44c21a8b7"


@dataclass(frozen=True)
class Pool:
    """What a test looks up in the pool behind the application."""

    url: str

    def inbox(self) -> list[tuple[str, str, str, str]]:
        """Source, message id, state and clear body of every message kept."""
        with psycopg.connect(self.url) as conn:
            rows = conn.execute("select source, message_id, state, body_enc from inbox order by id").fetchall()
        return [(row[0], row[1], row[2], unseal(row[3])) for row in rows]

    def events(self) -> list[tuple[int, str, str, dict[str, str]]]:
        """Order, what, actor and detail of every event."""
        with psycopg.connect(self.url) as conn:
            return conn.execute("select order_id, what, actor, detail from event order by id").fetchall()

    def execute(self, statement: str) -> None:
        """Change the pool behind the application's back."""
        with psycopg.connect(self.url) as conn:
            conn.execute(statement.encode())


@pytest.fixture(scope="session")
def web() -> Iterator[httpx.Client]:
    """A client of the application, which serves whatever pool the settings lead to."""
    # named as TCP, or asyncio leaves Nagle's algorithm on and every answer to a form takes 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False) as client:
            yield client
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def web_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "web") as url:
        yield url


@pytest.fixture
def pool(web_database: str, tmp_path: Path) -> Iterator[Pool]:
    """Shop WOO, warehouses WH-E and WH-W, and one document of WH-E with one order and one parcel."""
    with emptied(web_database):
        _fill(tmp_path)
        yield Pool(web_database)


def _fill(tmp_path: Path) -> None:
    add_shop("WOO", "woocommerce", credentials={
        "endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1",
        "webhook_secret": WEBHOOK_SECRET,
    })  # fmt: skip
    warehouses = tmp_path / "warehouses.csv"
    warehouses.write_text(
        "code,name,division,endpoint,secret,inbound_secret,pull_token\n"
        f"WH-E,East,330110,http://127.0.0.1:9/in,{WAREHOUSE_SECRET},{INBOUND_SECRET},{PULL_TOKEN}\n"
        f"WH-W,West,510107,http://127.0.0.1:9/in,{WAREHOUSE_SECRET},{INBOUND_SECRET},{OTHER_PULL_TOKEN}\n"
    )
    import_warehouses(warehouses)
    skus = tmp_path / "skus.csv"
    skus.write_text("code,name\nTEA,Green tea\n")
    import_skus(skus)
    _add_document()


def _add_document() -> None:
    now = clock().now()
    with transaction() as conn:
        keep_secrets(conn, Owner.CARRIER, "kuaidi100", {"key": "k", "customer": "c"})
        conn.execute(
            """insert into orders (id, shop_id, external_id, order_no, kind, pay_state, platform_status, buyer_key,
                 created_at, modified_at, stored_at,
                 goods_fen, discount_fen, freight_fen, total_fen, paid_fen, refunded_fen)
               select 1, id, '17', '17', 'goods', 'ready', 'processing', '', %(now)s, %(now)s, %(now)s,
                 9900, 0, 0, 9900, 9900, 0 from shop""",
            {"now": now},
        )
        conn.execute(
            """insert into order_line (order_id, line_no, platform_line, sku_code, sku_id, title, quantity,
                 unit_price_fen, paid_fen, state)
               select 1, 1, '1', 'TEA', id, 'Green tea', 2, 4950, 9900, 'open' from sku"""
        )
        conn.execute(
            """insert into receiver (order_id, name_enc, phone_enc, address_enc, notes_enc, phone_last4, province, city,
                 district, town, division_code, oaid, masked)
               values (1, %s, %s, %s, %s, '0000', '广东省', '深圳市', '南山区', '', '440305', '', false)""",
            (seal("张三"), seal("13800000000"), seal("科技路1号"), seal('{"buyer": "周末送", "seller": ""}')),
        )
        conn.execute(
            """insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
                 receiver_token, created_at)
               select 7, 'OB20261122000007', w.id, s.id, 1, 2, 'created', 'yuantong', 'rcv_abc', %s
               from warehouse w, shop s where w.code = 'WH-E'""",
            (now,),
        )
        conn.execute(
            """insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, document_id)
               select 1, 1, k.id, w.id, 2, 0, 'a', 7 from warehouse w, sku k where w.code = 'WH-E'"""
        )
        conn.execute(
            """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
                 salt_enc, callback_token, note)
               values (1, 7, 'P1', 'yuantong', 'YT9693083639795', 'label_created', %(now)s, %(now)s, %(now)s,
                 %(salt)s, 'parcel-token', '')""",
            {"now": now, "salt": seal(SALT)},
        )


def unique() -> str:
    """A message id nobody used before."""
    return secrets.token_hex(8)
