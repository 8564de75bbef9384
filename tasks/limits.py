"""The limits in force: those that come with OrderPool, with an installation's own in their place."""

from functools import lru_cache
from pathlib import Path

from models.rules.limits import Limits, parse_limits, with_own
from models.settings import settings
from tasks.rule_files import read_rule_file

SHIPPED_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "limits.yaml"


@lru_cache(maxsize=1)
def shipped_limits() -> Limits:
    """Those that come with OrderPool."""
    return parse_limits(read_rule_file(SHIPPED_FILE, "limits"), SHIPPED_FILE.name)


def limits_in_force() -> Limits:
    """Those that count here, read anew each time. Raises SetupError when the installation's file cannot be used."""
    own = settings().limits_file
    if not own:
        return shipped_limits()
    return with_own(shipped_limits(), read_rule_file(Path(own), "limits"), own)
