"""`orderpool returns`: goods that come back, the money for them, exchanges, and goods sent once more."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    from models.database import Connection
    from models.rules.returns import Verdict
    from tasks.return_list import ListedReturn, ReturnPage

returns = typer.Typer(help="Goods that come back, and the money for them.", no_args_is_help=True)
app.add_typer(returns, name="returns", rich_help_panel="Orders")

OrderNo = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")]
Pieces = Annotated[list[str], typer.Argument(metavar="LINE=QTY...", help="Order lines and how many pieces, as 1=2.")]
No = Annotated[str, typer.Argument(metavar="NO", help="The return's number, or the waybill of an open return.")]
Reason = Annotated[str, typer.Option(help="Why, for the order's story.")]
Shop = Annotated[str, typer.Option(help="The order's shop, where several have orders with such a number.")]
Units = Annotated[list[str] | None, typer.Option(metavar="SKU=QTY")]
JSON = Annotated[bool, typer.Option("--json", help="For machines.")]

_Change = Callable[["Connection", int], str]


@returns.command()
def announce(
    order: OrderNo,
    pieces: Pieces,
    reason: Reason,
    exchange: Annotated[bool, typer.Option("--exchange", help="For other goods instead of money.")] = False,
    instead: Annotated[
        list[str] | None, typer.Option("--for", metavar="SKU=QTY", help="What an exchange sends; else the same goods.")
    ] = None,
    waybill: Annotated[str, typer.Option(help="Under which number they come.")] = "",
    carrier: Annotated[str, typer.Option(help="Its carrier: Kuaidi100's code or the Chinese name.")] = "",
    warehouse: Annotated[str, typer.Option(help="Where they go; else where they came from.")] = "",
    refund: Annotated[str, typer.Option(help="Yuan that the buyer is to get; else what was paid for them.")] = "",
    shop: Shop = "",
) -> None:
    """Open a return: never for more than was shipped, whatever other returns of the order there are."""
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from models.rules.returns import ReturnKind
    from tasks.returns import Wish
    from tasks.returns import announce as announce_return

    ensure_database()
    kind = ReturnKind.EXCHANGE if exchange or instead else ReturnKind.RETURN
    wanted, sent = _numbered(pieces), _counts("--for", instead or ())
    fen = _fen(refund)

    def do(conn: "Connection") -> str:
        wish = Wish(_order_id(conn, order, shop), wanted, reason, kind, carrier, waybill, warehouse, fen, sent)
        found = announce_return(conn, wish, by_hand())
        return f"return {found.no}: {found.state}, to {found.warehouse or 'no warehouse yet'}"

    typer.echo(in_transaction(do))


@returns.command()
def waybill(
    no: No,
    number: Annotated[str, typer.Argument(metavar="WAYBILL", help="The number under which the goods travel back.")],
    carrier: Annotated[str, typer.Option(help="Its carrier: Kuaidi100's code or the Chinese name.")] = "",
) -> None:
    """Note, or correct, under which waybill the goods come."""
    from tasks.returns import record_waybill

    _tell(no, lambda conn, i: record_waybill(conn, i, carrier, number, by_hand()).state.value)


@returns.command()
def arrive(no: No, warehouse: Annotated[str, typer.Option(help="Where; else where they were expected.")] = "") -> None:
    """Note that the goods are there."""
    from tasks.returns import arrive as note_arrival

    _tell(no, lambda conn, i: f"arrived in {note_arrival(conn, i, warehouse, by_hand()).warehouse}")


@returns.command()
def inspect(
    no: No,
    good: Units = None,
    defect: Units = None,
    wrong: Units = None,
    empty: Units = None,
    all_good: Annotated[bool, typer.Option("--all-good", help="All that was announced came, and is good.")] = False,
    warehouse: Annotated[str, typer.Option(help="Where; else where they arrived or were expected.")] = "",
    note: Annotated[str, typer.Option(help="What else there is to say.")] = "",
) -> None:
    """Say what came back: good units are stock again, defective and wrong ones and empty boxes are not."""
    from tasks.return_verdicts import verdicts_by_sku
    from tasks.returns import all_good_of
    from tasks.returns import inspect as judge

    said = _verdicts({"good": good, "defect": defect, "wrong": wrong, "empty": empty})
    if all_good and said:
        raise SetupError("--all-good: says it all; leave the other verdicts out")

    def do(conn: "Connection", i: int) -> str:
        verdicts = all_good_of(conn, i) if all_good else verdicts_by_sku(conn, i, said)
        found = judge(conn, i, verdicts, by_hand(), warehouse=warehouse, note=note)
        back = sum(verdict.good for verdict in verdicts.values())
        return f"{found.state}; {back} units are stock of {found.warehouse} again"

    _tell(no, do)


@returns.command()
def close(no: No, note: Annotated[str, typer.Option(help="What became of the goods that are not good.")]) -> None:
    """Settle what could not go back into stock: scrapped, sent back to the buyer, given to the supplier."""
    from tasks.returns import close as close_return

    _tell(no, lambda conn, i: close_return(conn, i, note, by_hand()).state.value)


@returns.command("call-off")
def call_off(no: No, reason: Reason) -> None:
    """End a return whose goods do not come."""
    from tasks.returns import call_off as end

    _tell(no, lambda conn, i: f"{end(conn, i, reason, by_hand()).state.value}; its units may be announced anew")


@returns.command()
def refund(
    no: No,
    decision: Annotated[str, typer.Argument(help="want, agree, refuse, ask, doubt, paid or withdraw.")],
    amount: Annotated[str, typer.Option(help="Yuan, where it is another amount; with want and agree.")] = "",
    reason: Reason = "",
) -> None:
    """Decide about the money, wherever the goods are; `doubt` when nobody knows whether it was paid."""
    from models.rules.returns import RefundState
    from tasks.refunds import decide_refund

    decisions = {
        "want": RefundState.WANTED,
        "agree": RefundState.AGREED,
        "refuse": RefundState.REFUSED,
        "ask": RefundState.ASKED,
        "doubt": RefundState.IN_DOUBT,
        "paid": RefundState.DONE,
        "withdraw": RefundState.NONE,
    }
    if decision not in decisions:
        raise SetupError(f"refund {decision}: is no decision; there are {', '.join(decisions)}")
    to, fen = decisions[decision], _fen(amount)

    def do(conn: "Connection", i: int) -> str:
        decide_refund(conn, i, to, by_hand(), reason=reason, amount_fen=fen)
        return f"its refund is {to}"

    _tell(no, do)


@returns.command()
def exchange(no: No) -> None:
    """Let the goods of an exchange leave now, whatever came back: an order of its own, once."""
    from tasks.replacements import make_exchange

    _tell(no, lambda conn, i: f"order {make_exchange(conn, i, by_hand())} goes on with the next resume_orders run")


@returns.command()
def reship(order: OrderNo, pieces: Pieces, reason: Reason, shop: Shop = "") -> None:
    """Send goods once more without any coming back: lost, broken or left out."""
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from tasks.replacements import reship as send_again

    ensure_database()
    wanted = _numbered(pieces)
    made = in_transaction(lambda conn: send_again(conn, _order_id(conn, order, shop), wanted, reason, by_hand()))
    typer.echo(f"order {made} goes on with the next resume_orders run")


@returns.command()
def show(no: No, as_json: JSON = False) -> None:
    """Tell a return: its goods, its money, its exchange, and each step with its time and person."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.return_list import find_return
    from tasks.return_rows import return_id_of

    ensure_database()
    with transaction() as conn:
        found = find_return(conn, return_id_of(conn, no))
    assert found is not None  # its id was just found
    typer.echo(json.dumps(asdict(found), default=str, ensure_ascii=False, indent=2) if as_json else _told(found))


@returns.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Where the goods are, such as arrived.")] = "",
    refund_state: Annotated[str, typer.Option("--refund", help="Where the money is, such as in_doubt.")] = "",
    todo: Annotated[bool, typer.Option("--todo", help="Those where goods or money wait for somebody.")] = False,
    as_json: JSON = False,
) -> None:
    """List returns, the newest first."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.rules.returns import RefundState, ReturnState
    from tasks.return_list import PAGE, ReturnWish, list_returns

    if state and state not in {known.value for known in ReturnState}:
        raise SetupError(f"--state {state}: is none; there are {', '.join(ReturnState)}")
    if refund_state and refund_state not in {known.value for known in RefundState}:
        raise SetupError(f"--refund {refund_state}: is none; there are {', '.join(RefundState)}")
    ensure_database()
    with transaction() as conn:
        found = list_returns(conn, ReturnWish(state=state, refund=refund_state, todo=todo))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], default=str, ensure_ascii=False, indent=2))
        return
    for row in found:
        typer.echo(_line(row))
    if len(found) == PAGE:
        typer.echo(f"the newest {PAGE}; there may be more")
    if not found:
        typer.echo("no return")


def _tell(no: str, do: _Change) -> None:
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from tasks.return_rows import return_id_of

    ensure_database()

    def change(conn: "Connection") -> str:
        return do(conn, return_id_of(conn, no))

    typer.echo(f"return {no.strip()}: {in_transaction(change)}")


def _order_id(conn: "Connection", no: str, shop: str) -> int:
    from tasks.order_numbers import by_numbers

    found = by_numbers(conn, [no], shop.strip())
    if found.refused:
        raise SetupError(found.refused[0])
    return next(iter(found.orders))


def _numbered(written: Sequence[str]) -> dict[int, int]:
    """Pieces per order line, as `1=2`."""
    pieces: dict[int, int] = {}
    for entry in written:
        line, equals, number = entry.partition("=")
        if not (equals and _is_count(line) and _is_count(number)):
            raise SetupError(f"{entry!r}: want LINE=QTY, such as 1=2")
        pieces[int(line)] = pieces.get(int(line), 0) + int(number)
    return pieces


def _counts(option: str, written: Sequence[str]) -> dict[str, int]:
    """Units per SKU code, as `TEA=2`."""
    units: dict[str, int] = {}
    for entry in written:
        code, equals, number = entry.rpartition("=")
        if not (equals and code and _is_count(number)):
            raise SetupError(f"{option} {entry!r}: want SKU=QTY, such as TEA=2")
        units[code] = units.get(code, 0) + int(number)
    return units


def _is_count(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) <= 6


def _verdicts(given: Mapping[str, list[str] | None]) -> "dict[str, Verdict]":
    from models.rules.returns import Verdict

    said: dict[str, Verdict] = {}
    for name, written in given.items():
        for code, units in _counts(f"--{name}", written or ()).items():
            said[code] = said.get(code, Verdict())._replace(**{name: units})
    return said


def _fen(yuan: str) -> int | None:
    from connectors.converters import BadValue, yuan_to_fen

    if not yuan.strip():
        return None
    try:
        return yuan_to_fen(yuan.strip())
    except BadValue as error:
        raise SetupError(f"amount {yuan!r}: {error.why}") from error


def _line(row: "ListedReturn") -> str:
    from tasks.render import china_time, yuan

    by = f"  {row.carrier} {row.waybill}".rstrip() if row.waybill else ""
    instead = f"  exchanged by {row.exchange_no}" if row.exchange_no else ""
    return (
        f"{row.no}  {china_time(row.opened_at)}  order {row.order_no} of {row.shop}  {row.kind}: "
        f"{row.state}  refund {row.refund} {yuan(row.amount_fen)}  {row.skus}{by}{instead}"
    )


def _told(found: "ReturnPage") -> str:
    from tasks.render import china_time

    out = [_line(found.row)]
    if found.row.reason:
        out.append(f"  why: {found.row.reason}")
    for line in found.lines:
        came = ", ".join(f"{line[name]} {name}" for name in ("good", "defect", "wrong", "empty") if line[name])
        out.append(
            f"  line {line['line_no']}: {line['quantity']} of {line['sku']} announced; {came or 'not inspected'}"
        )
    out += [f"  to be sent instead: {line['quantity']} of {line['sku']}" for line in found.instead]
    for event in found.events:
        detail = {name: value for name, value in (event["detail"] or {}).items() if name != "return"}
        told = json.dumps(detail, ensure_ascii=False) if detail else ""
        out.append(f"  {china_time(event['at'])}  {event['what']}  {event['actor']}  {told}".rstrip())
    return "\n".join(out)
