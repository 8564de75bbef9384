"""Instructions that wait although their warehouse should have them: what is to be picked by paper."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from models.database import Connection
from models.messages import OutboxKind
from models.shipment import DocumentState
from tasks.paper.documents import MOST_DOCUMENTS

LATE: Final = timedelta(minutes=10)
"""So old is an instruction that is not merely on its way: two attempts of the retry table have failed."""


class Undelivered(NamedTuple):
    """A warehouse, the numbers of the documents that it has not got, the oldest first, and since when the first waits.

    `nos` are at most MOST_DOCUMENTS of those that wait.
    """

    warehouse: str
    name: str
    waiting: int
    nos: list[str]
    since: datetime


def list_undelivered(conn: Connection, at: datetime, warehouse: str = "") -> list[Undelivered]:
    """What waits for a warehouse longer than LATE, for all of them with "".

    What must not leave is not among it: documents that are blocked or asked back.
    """
    rows = conn.execute(
        """select w.code, w.name, count(*), (array_agg(d.no order by x.created_at, d.id))[:%(most)s], min(x.created_at)
           from outbox x join outbound_document d on d.id = x.subject_id join warehouse w on w.id = d.warehouse_id
           where x.kind = %(kind)s and (x.state = 'pending' or x.state = 'refused') and x.created_at <= %(before)s
             and d.state = %(created)s and %(code)s in ('', w.code)
             and not exists (select from document_block b where b.document_id = d.id and b.lifted_at is null)
             and not exists (select from outbox c where c.key = d.no || '-r' || d.revision || '-cancel'
                             and c.state in ('pending', 'refused', 'delivered'))
           group by 1, 2 order by 1""",
        {
            "most": MOST_DOCUMENTS,
            "kind": OutboxKind.OUTBOUND_CREATED.value,
            "before": at - LATE,
            "created": DocumentState.CREATED.value,
            "code": warehouse,
        },
    ).fetchall()
    return [Undelivered(*row) for row in rows]
