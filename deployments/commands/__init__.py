"""The `orderpool` command: every module of this folder adds its own group of commands to `app`."""

import importlib
import pkgutil

import typer

app = typer.Typer(
    name="orderpool",
    help="Order management for sellers with several shops and warehouses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def load() -> None:
    """Import every module of this folder, which registers its commands."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
