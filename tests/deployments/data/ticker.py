"""A flow that does nothing of interest, for trying deployments out."""

import time
from pathlib import Path

from prefect import flow


@flow
def ticker(shop: str = "", seconds: int = 0, needs: str = "") -> str:
    """Return the folder in which it runs, and the shop, after so many seconds.

    With `needs` it ends once that file is there, and fails when it is not by then.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and not (needs and Path(needs).exists()):
        time.sleep(0.1)
    if needs and not Path(needs).exists():
        raise FileNotFoundError(f"ticker: {needs} is missing")
    return f"{Path.cwd()} {shop}"
