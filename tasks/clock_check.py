"""Whether this machine's clock can be trusted: with one that is off, windows would be read that are not over yet."""

from datetime import timedelta

from models.database import one, transaction
from models.errors import SetupError
from models.settings import SystemClock, clock

MOST_OFF = timedelta(seconds=30)
"""How far the clock may be from the database's: less than the lag that reading keeps from the present of a platform."""


def refuse_wrong_clock() -> None:
    """Raise SetupError when the machine's clock and the database's disagree; a clock that was chosen is left alone.

    A window that ends in the future moves the watermark there: what changes until then would never be read. So
    nothing at all is done by such a clock.
    """
    mine = clock()
    if not isinstance(mine, SystemClock):
        return
    with transaction() as conn:
        before = mine.now()
        theirs = one(conn.execute("select clock_timestamp()").fetchone())
        after = mine.now()
    # whatever the question took is not a difference
    off = before - theirs if before > theirs else min(after - theirs, timedelta())
    if abs(off) > MOST_OFF:
        where = "ahead of" if off > timedelta() else "behind"
        raise SetupError(
            f"clock: this machine's is {abs(off).total_seconds():.0f} s {where} the database's; "
            f"want at most {MOST_OFF.total_seconds():.0f} s: set the one that is wrong"
        )
