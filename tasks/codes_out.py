"""codes: the task round the messages with codes that the live process did not send, and what of them is forgotten."""

from prefect import task

from models.database import transaction
from models.settings import clock
from tasks.progress_sms import SmsCount, send_codes, tidy_progress
from tasks.runs import in_plain_words


@task(task_run_name="send codes", tags=["stage:deliver"])
def send_waiting_codes() -> SmsCount:
    """Send the codes that buyers wait for, and forget what is old."""
    with in_plain_words("deliver", "codes"):
        count = send_codes()
        with transaction() as conn:
            tidy_progress(conn, clock().now())
    return count
