"""The digits of a phone with which carriers let a parcel be followed."""

from collections.abc import Sequence

from models.database import Connection


def parcel_phones(conn: Connection, parcel_ids: Sequence[int]) -> dict[int, str]:
    """Per parcel the last four digits that a carrier may ask for, "" when there are none.

    They are the receiver's; where a platform hides them the sender's, which carriers take as well.
    """
    rows = conn.execute(
        r"""select p.id, coalesce(
              (select nullif(r.phone_last4, '') from parcel_line l join receiver r on r.order_id = l.order_id
               where l.parcel_id = p.id order by l.order_id limit 1),
              right(regexp_replace(w.sender_phone, '\D', '', 'g'), 4))
           from parcel p join outbound_document d on d.id = p.document_id join warehouse w on w.id = d.warehouse_id
           where p.id = any(%s)""",
        (list(parcel_ids),),
    ).fetchall()
    return dict(rows)
