"""Looking for receivers of the tests' orders wherever they must not be."""

import base64
import json
import re
from pathlib import Path

import psycopg
from psycopg import sql

from tests.pipeline.orders import NAMES, STREETS

PHONES = r"1390000\d{4}"


def _forms(text: str) -> list[str]:
    """A text as it is, as JSON escapes it, and as a dump of bytes shows it."""
    return [text, json.dumps(text)[1:-1], text.encode().hex()]


def receivers() -> re.Pattern[str]:
    """What gives a receiver away: a whole name, a street, a phone."""
    words = [form for text in (*NAMES, *STREETS) for form in _forms(text)]
    return re.compile("|".join([PHONES, r"31333930303030(?:3\d){4}", *map(re.escape, words)]))


def leaks_in_database(url: str, pattern: re.Pattern[str]) -> list[str]:
    """Every table with a row that the pattern finds, with what was found; bytes are looked at as hex."""
    found = []
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            rows = conn.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table)))
            for (text,) in rows:
                # the shape of JSON in a row is text whose quotes are doubled and whose backslashes are, too
                hit = pattern.search(text.replace("\\\\", "\\"))
                if hit:
                    found.append(f"{table}: {hit.group()}")
                    break
    return found


def leaks_in_files(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Every file below a folder that the pattern finds; what a stored result packs in base64 is unpacked."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("utf-8", "replace")
        packed = [
            base64.b64decode(part[: len(part) // 4 * 4]).decode("utf-8", "replace")
            for part in re.findall(r"[A-Za-z0-9+/]{40,}", text)
        ]
        hit = pattern.search("\n".join([text, *packed]))
        if hit:
            found.append(f"{path.name}: {hit.group()}")
    return found
