"""Messages of alerts, worded from the pool as it stands when they are sent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from connectors.messages.notice import Line, Link, Notice
from models.alert import AlertRule
from models.database import Connection
from models.errors import SetupError
from models.rules.alert_news import Item, Known
from models.rules.alert_words import (
    LEFT_OUT,
    LINK_NAMES,
    MOST_LINES,
    OPEN_IT,
    TEST_LINE,
    TEST_TITLE,
    count_lines,
    in_language,
    line_of,
    title_of,
)
from models.settings import SHANGHAI, settings
from models.telling import Language, News, Occasion, Severity
from tasks.alert_links import About, AlertLinks, links_of

PAGE = "/console/alerts"


@dataclass(frozen=True, slots=True)
class _Told:
    item: Item
    known: Known
    sentence: str
    about: About


def notices(conn: Connection, message_ids: Sequence[int], language: Language) -> dict[int, Notice]:
    """The notice of each message, in the language of its recipient; one that says nothing has none."""
    rows = conn.execute(
        """select m.id, m.occasion, m.written_at, n.news, n.times, a.id, a.rule, a.subject, a.sentence, a.order_id,
             coalesce(a.run_id, a.flow_run_id), a.opened_at, a.closed_at
           from alert_message m join alert_news n on n.message_id = m.id join alert a on a.id = n.alert_id
           where m.id = any(%s) and n.news <> 'counted'
             and not (n.news = 'closed' and exists (  -- its opening says that it is over
               select 1 from alert_news o
               where o.message_id = n.message_id and o.alert_id = n.alert_id and o.news <> 'closed'))
           order by m.id, a.opened_at, a.id, n.news""",
        (list(message_ids),),
    ).fetchall()
    found: dict[int, list[_Told]] = {}
    written: dict[int, tuple[Occasion, datetime]] = {}
    for message_id, occasion, at, news, times, alert_id, name, subject, sentence, order, run, opened, closed in rows:
        rule = AlertRule(name)
        known = Known(alert_id, rule, subject, opened, closed)
        item, about = Item(alert_id, News(news), times), About(rule, subject, order, run)
        found.setdefault(message_id, []).append(_Told(item, known, sentence, about))
        written[message_id] = Occasion(occasion), at
    return {
        message_id: _notice(message_id, *written[message_id], several, language)
        for message_id, several in found.items()
    }


def _notice(message_id: int, occasion: Occasion, at: datetime, several: Sequence[_Told], language: Language) -> Notice:
    alerts = {told.known.id: told.known for told in several}
    items = [told.item for told in several]
    if len(items) > MOST_LINES:
        lines = [Line(text) for text in count_lines(alerts, items, language)]
    else:
        lines = [
            Line(
                line_of(told.known, told.sentence, told.item, language, SHANGHAI),
                _links(told.known.id, told.about, language),
            )
            # the most urgent first: the last may be cut off
            for told in sorted(several, key=lambda told: told.known.severity)
        ]
    # by the number whoever reads it knows a message that came twice
    label = f"{in_language(OPEN_IT, language)} #{message_id}"
    base = _console()
    page = Link(label, base + PAGE) if base else None
    title = title_of(occasion, alerts, items, language)
    return Notice(f"alert-{message_id}", title, tuple(lines), page, in_language(LEFT_OUT, language), at)


def _links(alert_id: int, about: About, language: Language) -> tuple[Link, ...]:
    """The alert itself in the console, and the pages that it leads to."""
    base = _console()
    own = [Link(in_language(LINK_NAMES["alert"], language), f"{base}{PAGE}#alert-{alert_id}")] if base else []
    return (*own, *named(links_of(about), language))


def named(links: AlertLinks, language: Language) -> tuple[Link, ...]:
    """The pages that there are, with what they are called."""
    return tuple(Link(in_language(LINK_NAMES[name], language), url) for name, url in asdict(links).items() if url)


def self_test(name: str, severities: Sequence[Severity], language: Language, at: datetime) -> Notice:
    """What a recipient is told so that a person sees that it is reached."""
    line = in_language(TEST_LINE, language).format(severities=", ".join(severities))
    base = _console()
    page = Link(in_language(OPEN_IT, language), base + PAGE) if base else None
    key = f"alert-test-{name}-{at.timestamp():.0f}"
    return Notice(key, in_language(TEST_TITLE, language), (Line(line),), page, in_language(LEFT_OUT, language), at)


def _console() -> str:
    try:
        return settings().callback_base()
    except SetupError:
        return ""
