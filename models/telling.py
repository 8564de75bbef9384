"""The words of telling people of alerts: whom, how urgent, what, and when."""

from enum import StrEnum


class RecipientKind(StrEnum):
    """How a recipient is reached."""

    WECOM = "wecom"
    DINGTALK = "dingtalk"
    EMAIL = "email"


class Language(StrEnum):
    """What a recipient reads."""

    CHINESE = "zh-CN"
    ENGLISH = "en"


class Severity(StrEnum):
    """P1 is told at once, day and night; P2 is collected, and waits while it is quiet; P3 is told once a day."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Occasion(StrEnum):
    """Why a message is written just then."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    DAILY = "daily"


class News(StrEnum):
    """What is told of an alert.

    REPEATED tells that an alert which was told shortly before came again; COUNTED is one of the times it did.
    """

    OPENED = "opened"
    REPEATED = "repeated"
    COUNTED = "counted"
    ESCALATED = "escalated"
    CLOSED = "closed"
