"""`orderpool shop authorize`: have a seller agree, and take the token that this gives."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands.shop import shop, token_line
from models.errors import SetupError

if TYPE_CHECKING:
    from tasks.authorise import Consent

PORT = 8718
PATIENCE_S = 600.0


@shop.command()
def authorize(
    code: str,
    redirect_uri: Annotated[
        str, typer.Option(help="Where the platform leads the seller back; as registered for the application.")
    ] = "",
    answer: Annotated[
        str, typer.Option("--code", help="The code, or the whole address, of a page asked for before.")
    ] = "",
    listen: Annotated[bool, typer.Option("--listen", help="Take the answer on 127.0.0.1 by itself.")] = False,
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free one.")] = PORT,
    self_use: Annotated[
        bool, typer.Option("--self-use", help="The application is the shop's own and asks without a page (Douyin).")
    ] = False,
) -> None:
    """Print the page on which the seller agrees, take the code it gives, store the tokens and try them.

    The code is pasted (alone, or with the whole address the seller was led to), given with --code to a second
    command, or taken by --listen.
    """
    from deployments.databases import ensure_database
    from tasks.authorise import ask_consent, asked_consent, code_in

    ensure_database()
    if self_use:
        _finish(ask_consent(code, redirect_uri), "")
    elif answer:
        consent = asked_consent(code)
        _finish(consent, code_in(answer, consent))
    elif listen:
        _listen(code, redirect_uri, port)
    else:
        _paste(code, redirect_uri)


def _paste(code: str, redirect_uri: str) -> None:
    from tasks.authorise import ask_consent, code_in

    consent = ask_consent(code, redirect_uri)
    _tell_page(consent)
    if not sys.stdin.isatty():
        typer.echo(f"Then: orderpool shop authorize {code} --code 'CODE, or the address you were led to'")
        return
    _finish(consent, code_in(typer.prompt("The code, or the whole address you were led to"), consent))


def _listen(code: str, redirect_uri: str, port: int) -> None:
    from deployments.consent_callback import CallbackPage
    from tasks.authorise import ask_consent, code_of

    page = CallbackPage(port)
    # a registered address may be a proxy's that leads here
    consent = ask_consent(code, redirect_uri or page.redirect_uri)
    _tell_page(consent)
    typer.echo(f"Waiting at {page.redirect_uri} ...")
    _finish(consent, page.wait(lambda query: code_of(query, consent), PATIENCE_S))


def _tell_page(consent: "Consent") -> None:
    typer.echo(f"Open this page as the owner of shop {consent.shop_code} and agree:")
    typer.echo(f"  {consent.url}")
    typer.echo(f"It leads back to {consent.redirect_uri}")


def _finish(consent: "Consent", code: str) -> None:
    from tasks.authorise import finish_consent
    from tasks.setup import check_shop

    standing = finish_consent(consent, code)
    typer.echo(f"shop {consent.shop_code}: authorised")
    typer.echo(token_line(standing))
    health = check_shop(consent.shop_code)
    if not health.ok:
        raise SetupError(f"shop {consent.shop_code}: is authorised, yet a read does not work: {health.detail}")
    typer.echo("a signed read works")
