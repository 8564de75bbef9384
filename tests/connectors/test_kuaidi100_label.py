"""Kuaidi100's label service: what it is asked, over real HTTP, and what its answers mean."""

import httpx
import pytest

from connectors.carriers.kuaidi100_label import Kuaidi100Label
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited, SetupError
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

PARCEL = ("yuantong", "YT9693083639795", "RETURN_SEND_ADDR", "the buyer called")


def service(client: httpx.Client, sandbox: Sandbox, **more: str) -> Kuaidi100Label:
    entry = sandbox.carrier()
    credentials = {"key": entry["key"], "secret": entry["secret"], "label_endpoint": entry["endpoint"]} | more
    return Kuaidi100Label(client, "kuaidi100", credentials, lambda: NOON)


def test_a_parcel_is_asked_for_and_a_second_time_refused(sandbox: Sandbox, client: httpx.Client) -> None:
    label = service(client, sandbox)
    label.intercept(*PARCEL)

    with pytest.raises(ChannelRejected, match="该运单已发起拦截"):
        label.intercept(*PARCEL)


def test_a_wrong_secret_is_for_a_person(sandbox: Sandbox, client: httpx.Client) -> None:
    with pytest.raises(ChannelDenied, match="503"):
        service(client, sandbox, secret="wrong").intercept(*PARCEL)


def test_the_method_may_be_called_otherwise(sandbox: Sandbox, client: httpx.Client) -> None:
    with pytest.raises(ChannelRejected, match="takeBack"):
        service(client, sandbox, intercept_method="takeBack").intercept(*PARCEL)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, '{"code":"501","message":"busy"}', OutcomeUnknown),
        (200, '{"message":"what?"}', OutcomeUnknown),
        (200, "<html>", OutcomeUnknown),
        (502, "", OutcomeUnknown),
        (503, "", ChannelUnavailable),
        (200, '{"returnCode":"504","message":"too often"}', RateLimited),
        (200, '{"code":"502","message":"busy"}', ChannelUnavailable),
        (200, '{"code":"400","message":"电子面单余额不足"}', ChannelDenied),
        (200, '{"code":"601","message":"balance"}', ChannelDenied),
        (200, '{"code":30002,"message":"no"}', ChannelRejected),
    ],
)
def test_what_an_answer_means(status: int, body: str, kind: type[Exception]) -> None:
    answers = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text=body)))
    label = Kuaidi100Label(answers, "kuaidi100", {"key": "k", "secret": "s"}, lambda: NOON)

    with pytest.raises(kind):
        label.intercept(*PARCEL)


def test_without_a_secret_there_is_no_service(client: httpx.Client) -> None:
    with pytest.raises(SetupError, match="lacks the credential secret"):
        Kuaidi100Label(client, "kuaidi100", {"key": "k"}, lambda: NOON)
