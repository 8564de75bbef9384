"""How Prefect is set here: one environment for its server, its worker and every flow process."""

import os

from deployments.addresses import read
from deployments.databases import PREFECT_URL_VARIABLE
from models.settings import CHECKOUT, settings

HEARTBEAT_S = 30

JSON_LOGS = CHECKOUT / "deployments" / "data" / "prefect_logging.yml"

CHOSEN = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # The older UI has the Retry button on the page of a failed run, and readable artifact marks.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # Without an address of a server fail plainly, instead of starting a hidden one.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    # One by one, as is the default, task runs are recorded half a minute late.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 3600),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "2d",
    # Later than the start of a process takes, else every run is late for a moment.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "120",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # What an automation waits for is kept longer than Prefect's periodic work can pause: it begins again up to 5
    # minutes after Redis was away, and what is forgotten by then leaves a dead run Running for ever.
    "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "PT30M",
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    # What a flow prints may hold personal data, and Prefect shows logs to everyone.
    "PREFECT_LOGGING_LOG_PRINTS": "false",
}
"""Settings that the environment may override."""


def environment() -> dict[str, str]:
    """The variables for a process that talks to our Prefect or is part of it; addresses as recorded so far."""
    home = settings().var.resolve() / "prefect"
    known = read()
    fixed = {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home / "storage"),
        "ORDERPOOL_VAR": str(settings().var.resolve()),
        "ORDERPOOL_HOME": str(CHECKOUT),
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    if settings().log_format == "json":
        fixed["PREFECT_LOGGING_SETTINGS_PATH"] = str(JSON_LOGS)
    if "prefect_api_url" in known:
        fixed["PREFECT_API_URL"] = known["prefect_api_url"]
    if "prefect_database_url" in known:
        fixed[PREFECT_URL_VARIABLE] = known["prefect_database_url"]
    return {name: os.environ.get(name, value) for name, value in CHOSEN.items()} | fixed
