"""What the review finds out about receivers: their division, and by which digests the same one is found again."""

from collections.abc import Sequence

from models.database import Connection
from models.rules.address import resolve_fields
from models.rules.receiver_text import is_plain, plain_address, plain_receiver
from models.sealing import keyed_digest, phone_digits, unseal

ADDRESS = "address"
RECEIVER = "receiver"
"""Purposes of the digests in `receiver`."""


def settle_receivers(conn: Connection, order_ids: Sequence[int]) -> None:
    """Find the divisions of these orders' receivers, and for plain ones the digests of address and receiver.

    A masked receiver has no digests: masks of two may be equal. What has not changed is not written.
    """
    rows = conn.execute(
        """select r.order_id, r.province, r.city, r.district, r.town, r.masked, r.name_enc, r.phone_enc, r.address_enc,
                  r.division_code, r.address_hash, r.receiver_hash
           from receiver r join orders o on o.id = r.order_id
           where r.order_id = any(%s) and o.kind = 'goods' and r.erased_at is null order by 1""",
        (list(order_ids),),
    ).fetchall()
    found = [(row[0], *_settled(*row[1:9])) for row in rows]
    changed = [new for row, new in zip(rows, found, strict=True) if new[1:] != tuple(row[9:])]
    if changed:
        conn.execute(
            """update receiver r set division_code = n.code, address_hash = n.address, receiver_hash = n.receiver
               from unnest(%s::bigint[], %s::text[], %s::bytea[], %s::bytea[]) n(id, code, address, receiver)
               where r.order_id = n.id and r.erased_at is null""",
            [list(column) for column in zip(*changed, strict=True)],
        )


def _settled(
    province: str, city: str, district: str, town: str, masked: bool, *sealed: bytes | None
) -> tuple[str, bytes | None, bytes | None]:
    """The division's code, and the digests of address and receiver where both are known in clear."""
    name, phone, address = (unseal(value) if value else "" for value in sealed)
    place = resolve_fields(province, city, district, town, "" if "*" in address else address)
    code = place.code if place else ""
    if masked or not is_plain(address):
        return code, None, None
    plain = plain_address(code, f"{town}{address}")
    receiver = plain_receiver(name, phone_digits(phone), plain)
    return (
        code,
        address_digest(code, plain),
        keyed_digest(RECEIVER, f"{code}\n{receiver}") if receiver else None,
    )


def address_digest(division_code: str, plain: str) -> bytes | None:
    """The digest by which a plain address of a division is found; None for one that is not known."""
    return keyed_digest(ADDRESS, f"{division_code}\n{plain}") if plain else None
