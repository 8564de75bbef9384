"""Data Docs: what Great Expectations found in a batch as static pages, made by its own site builder, kept for a while.

They lie in `var/quality/SHOP/BATCH/`: `index.html` the results, `expectations.html` the suite. They load nothing,
neither from other hosts nor from ours: the styles they need are within them, and scripts, fonts and pictures are cut.
"""

import logging
import os
import re
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from models.quality import Verdict
from models.settings import settings
from tasks.quality import BatchCheck, ephemeral

_log = logging.getLogger("orderpool.quality")

RESULTS = "index.html"
SUITE = "expectations.html"
PAGES: Final = (RESULTS, SUITE)
FAILED_MARK = "failed"
"""An empty file beside the pages of a batch that stayed put."""

KEPT = 20
"""How many batches of a shop keep their pages, the newest ones."""

KEPT_FAILED = 100
"""How many batches that stayed put keep their pages besides, for FAILED_FOR at most."""

FAILED_FOR = timedelta(days=30)
PAUSE = timedelta(hours=1)
"""How long a shop's newest pages stand in for a batch that met everything."""

PAUSE_UNMET = timedelta(minutes=5)
"""The same for a batch that went on though single orders failed something."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The content security policy written into the pages: nothing but their own styles."""

_CUT = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"<script\b.*?</script\s*>",
        r"<link\b[^>]*>",
        r"<(?:img|iframe|object|embed|source)\b[^>]*>",
        r"<footer\b.*?</footer\s*>",
        r"@import[^;]*;",
        r"@font-face\s*{[^}]*}",
        r"background(?:-image)?:\s*url\([^)]*\)[^;}]*;?",
        r"\son[a-z]+=(?:\"[^\"]*\"|'[^']*')",
    )
)
_LOADS = re.compile(r"<script|<link|<img|<iframe|url\(|@import|\ssrc\s*=|http-equiv=\"refresh", re.IGNORECASE)
_STYLE: Final = """
body{font:14px/1.5 system-ui,sans-serif;margin:1rem 2rem;color:#222}
.row{display:flex;gap:2rem;flex-wrap:wrap}.col-lg-2{flex:0 0 14rem}.col-lg-10{flex:1 1 40rem;min-width:0}
table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}
.alert{background:#eef1f4;padding:.4rem .8rem;margin-top:1rem}.badge{background:#e2e6ea;padding:0 .3rem}
.text-success,.text-success *{color:#1a7f37}.text-danger,.text-danger *{color:#b42318}
.fa-check-circle::before{content:"\\2713"}.fa-times::before{content:"\\2717"}.fa-exclamation-triangle::before{content:"!"}
.btn-group,.card.mb-3:has(.btn-group),.modal,.ge-cta-footer{display:none}
ol,ul{padding-left:1rem}h4,h5,h6{margin:.3rem 0}
"""


def docs_of(batch_id: int) -> Path | None:
    """The first page of a batch's Data Docs on this machine, None when there are none (any more)."""
    found = sorted(folder().glob(f"*/{int(batch_id)}/{RESULTS}"))
    return found[0] if found else None


def docs_page(batch_id: int, name: str) -> Path | None:
    """A page of a batch's Data Docs, None when there is no such page; no name leads out of its folder."""
    first = docs_of(batch_id)
    if first is None or name not in PAGES:
        return None
    page = first.with_name(name)
    return page if page.is_file() and not page.is_symlink() else None


def folder() -> Path:
    """Where all Data Docs lie."""
    return settings().var / "quality"


def leave_docs(check: BatchCheck) -> Path | None:
    """Make a batch's pages if they are due, and clear away old ones; returns the first page.

    What stops it is logged and stops nothing else: pages are a convenience.
    """
    if check.result is None:
        return None
    try:
        place = folder() / check.batch.shop_code
        if not is_due(check, place):
            return None
        page = write_docs(check, place)
        prune(place, check.why.at)
    except Exception as error:  # noqa: BLE001 - the batch was checked, only its pages are missing
        _log.warning("batch %s: its Data Docs were not made: %s", check.batch.id, type(error).__name__)
        return None
    return page


def is_due(check: BatchCheck, place: Path) -> bool:
    """Whether a batch gets pages: always when it stayed put or was accepted, else when the shop's newest are old.

    Making them takes a quarter of a second, which a stream of small batches must not pay for each.
    """
    if check.over or (place / str(check.batch.id)).exists():
        return True
    newest = max((_made_at(entry) for entry in _entries(place)), default=None)
    pause = PAUSE_UNMET if check.unmet else PAUSE
    return newest is None or not newest <= check.why.at < newest + pause


def write_docs(check: BatchCheck, place: Path) -> Path:
    """Write the pages of a check, whole or not at all, in place of those of an earlier check of the batch."""
    place.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=place))
    try:
        _build(check, draft / "site")
        pages = _pages(draft / "site")
        made = draft / "made"
        made.mkdir()
        for name, text in pages.items():
            (made / name).write_text(text, encoding="utf-8")
        if check.verdict is Verdict.FAILED:
            (made / FAILED_MARK).touch()
        at = check.why.at.timestamp()
        os.utime(made / RESULTS, (at, at))
        target = place / str(check.batch.id)
        if target.exists():
            target.rename(draft / "before")
        made.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target / RESULTS


def _build(check: BatchCheck, site: Path) -> None:
    from great_expectations import ExpectationSuite
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context: Any = ephemeral()
    expectations = [result.expectation_config.to_domain_obj() for result in check.result.results]
    suite = context.suites.add(ExpectationSuite(name=check.result.suite_name, expectations=expectations))
    run = RunIdentifier(run_name=check.why.flow_run_id or check.why.actor, run_time=check.why.at)
    key = ValidationResultIdentifier(ExpectationSuiteIdentifier(suite.name), run, f"batch {check.batch.id}")
    context.validation_results_store.set(key, check.result)
    context.add_data_docs_site(
        "batch",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    context.build_data_docs(site_names=["batch"])


def _pages(site: Path) -> dict[str, str]:
    """The site's two pages under our names, self-contained, with links to each other only."""
    (results,) = (site / "validations").rglob("*.html")
    (suite,) = (site / "expectations").rglob("*.html")
    return {name: self_contained(path.read_text("utf-8")) for name, path in ((RESULTS, results), (SUITE, suite))}


def self_contained(page: str) -> str:
    """A page of the site builder without what it would load; raises ValueError when something is left."""
    for pattern in _CUT:
        page = pattern.sub("", page)
    page = re.sub(r"href=\"(?:\.\./)*expectations/[^\"]*\"", f'href="{SUITE}"', page)
    page = re.sub(r"href=\"(?:\.\./)*index\.html\"", f'href="{RESULTS}"', page)
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{_STYLE}</style></head>'
    page = page.replace("</head>", head, 1)
    if left := _LOADS.search(page):
        raise ValueError(f"the page would still load something: {left.group()}")
    return page


def prune(place: Path, at: datetime) -> None:
    """Clear away a shop's pages but the newest, and those of batches that stayed put lately."""
    entries = sorted(_entries(place), key=_made_at, reverse=True)
    kept_failed = 0
    for number, entry in enumerate(entries):
        if number < KEPT:
            continue
        stays = (entry / FAILED_MARK).exists() and _made_at(entry) > at - FAILED_FOR and kept_failed < KEPT_FAILED
        kept_failed += stays
        if not stays:
            shutil.rmtree(entry, ignore_errors=True)
    for draft in place.glob(".draft-*"):
        # left by a process that was killed; one that is at work is younger
        if _age_s(draft) > PAUSE.total_seconds():
            shutil.rmtree(draft, ignore_errors=True)


def _entries(place: Path) -> list[Path]:
    return [path for path in place.glob("[0-9]*") if (path / RESULTS).exists()]


def _made_at(entry: Path) -> datetime:
    try:
        return datetime.fromtimestamp((entry / RESULTS).stat().st_mtime, UTC)
    except FileNotFoundError:  # another process cleared it away
        return datetime.fromtimestamp(0, UTC)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
