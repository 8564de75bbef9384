"""The page for handhelds in a warehouse without a system of its own, and what it asks."""

from collections.abc import Sequence

from fastapi import APIRouter

from web.handheld import api, page

ROUTERS: Sequence[APIRouter] = (page.router, api.router)
"""The page and its requests."""
