"""The way from the console to the runs in Prefect's own pages."""

from uuid import UUID

from models.errors import SetupError
from models.settings import settings


def prefect_ui() -> str:
    """The base address of Prefect's pages, "" where this installation has never started it."""
    try:
        return settings().address("prefect_ui_url").rstrip("/")
    except SetupError:
        return ""


def run_address(ui: str, flow_run_id: str) -> str:
    """The page of a flow run, "" for what was no run of Prefect's."""
    try:
        return f"{ui}/runs/flow-run/{UUID(flow_run_id)}" if ui else ""
    except ValueError:
        return ""
