"""A mailbox that is told of alerts, by the same way as suppliers are."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import ClassVar
from urllib.parse import quote

import httpx

from connectors.base import Budget, Credentials, Now
from connectors.mail import NEEDS, Mailbox
from connectors.messages.notice import Notice


class MailMessenger:
    """Credentials: those of a `Mailbox`. A repeated mail has the Message-ID of the first, so mail systems drop it."""

    needs: ClassVar[tuple[str, ...]] = NEEDS

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now, budget: Budget) -> None:
        self.name = name
        self._mailbox = Mailbox(name, credentials)
        self._budget = budget

    def send(self, notice: Notice) -> None:
        """Hand in one mail."""
        self._budget.take()
        self._mailbox.hand_in(mail_of(notice, self._mailbox), "tell")


def mail_of(notice: Notice, mailbox: Mailbox) -> EmailMessage:
    """The mail: the title as its subject, a line each with its pages below, as plain text."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = notice.title
    mail["From"], mail["To"] = mailbox.sender, mailbox.to
    mail["Date"] = format_datetime(notice.at)
    mail["Message-ID"] = f"<{quote(notice.key, safe='')}@{mailbox.sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    rows = [row for line in notice.lines for row in (f"- {line.text}", *(f"  {a}: {url}" for a, url in line.links))]
    if notice.page:
        rows += ["", f"{notice.page.label}: {notice.page.url}"]
    mail.set_content("\n".join(rows) + "\n", cte="base64")
    return mail
