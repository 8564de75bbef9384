"""A flow that does nothing of interest, for trying deployments out."""

import time
from pathlib import Path

from prefect import flow


@flow
def ticker(shop: str = "", seconds: int = 0) -> str:
    """Return the folder in which it runs, and the shop."""
    time.sleep(seconds)
    return f"{Path.cwd()} {shop}"
