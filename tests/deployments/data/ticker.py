"""A flow that does nothing of interest, for trying deployments out."""

from pathlib import Path

from prefect import flow


@flow
def ticker(shop: str = "") -> str:
    """Return the folder in which it runs, and the shop."""
    return f"{Path.cwd()} {shop}"
