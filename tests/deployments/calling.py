"""Commands of `orderpool` called in the test's own process."""

from typer.testing import CliRunner

from deployments import commands
from models.errors import SetupError


def run(*arguments: object, code: int = 0) -> str:
    """What a command prints; it must end with this code. Raises the SetupError that it would show."""
    commands.load()
    result = CliRunner().invoke(commands.app, [str(argument) for argument in arguments])
    if isinstance(result.exception, SetupError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def answer(*arguments: object, given: str = "") -> tuple[int, str]:
    """The code with which a command ends and all it says, an error in the words that a person sees."""
    commands.load()
    result = CliRunner().invoke(commands.app, [str(argument) for argument in arguments], input=given)
    if isinstance(result.exception, SetupError):
        return 1, f"{result.output}orderpool: {result.exception}\n"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output
