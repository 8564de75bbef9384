"""The `orderpool` command."""

import sys
from typing import Annotated

import typer

from deployments import commands
from models.errors import PipelineError


class Chosen:
    """Options given before the command."""

    debug = False


@commands.app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Order management for sellers with several shops and warehouses."""
    Chosen.debug = debug


def main() -> None:
    """Run one command; an error is one sentence on stderr and exit code 1."""
    commands.load()
    try:
        commands.app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if Chosen.debug:
            raise
        sentence = str(error) if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}"
        print(f"orderpool: {sentence.strip()}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
