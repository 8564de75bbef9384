"""`orderpool demo`: everything there is, from nothing, with real baskets."""

from deployments.commands import app


@app.command(rich_help_panel="Running")
def demo() -> None:
    """Set up seven shops and four warehouses, send a month of real orders through, break something and mend it.

    Runs in this installation, whose pool has to be empty or an earlier demo's. On a terminal everything stays up
    until Ctrl-C; otherwise it is stopped at the end. Exit code 0 only if every figure adds up.
    """
    from deployments.demo_run import run_demo

    run_demo()
