"""What can go wrong, sorted by what to do next.

PipelineError
├── OrderError                the order is at fault: hold it for review, never retry
├── FeedError                 the batch as a whole is wrong: fail the step, keep the batch
├── SetupError                the installation or the request is at fault: a person must act
└── ChannelError              the other side is at fault
    ├── ChannelUnavailable    timeout before sending, 5xx: retry
    │   ├── CounterpartBusy   another run of ours is talking to it: wait for that
    │   └── PutOff            it does not take this very thing now: retry, and go on with the others
    ├── RateLimited           with retry_after_s: wait, then retry
    ├── OutcomeUnknown        sent, no answer: repeat by the command's repeat class
    ├── ChannelDenied         token or permission: alert, a person must act
    │   └── TokenRefused      the access token is over or unknown: renew it once, then as ChannelDenied
    └── ChannelRejected       refused for good: do not retry, alert
"""

from typing import Final

from models.rules.faults import Fault

MOST_TOLD: Final = 1_000
"""Characters of why a step did not finish: what to do about it is told after them, and lists show it all."""


class PipelineError(Exception):
    """Anything that stops an order, a batch or a message, in words a person understands."""


class OrderError(PipelineError):
    """One order is at fault; it is held for review and its batch goes on."""


class FeedError(PipelineError):
    """A batch as a whole is wrong; the step fails and the batch stays where it is."""


class SetupError(PipelineError):
    """A wish of a person that cannot be done as things are set up; names the thing and the obstacle."""


class IllegalStep(PipelineError):
    """A state machine was asked for a step that its table does not have."""


class StepFailed(PipelineError):
    """A stage did not finish; its text starts with the step and the count, and is cut after MOST_TOLD characters.

    `fault` is the kind of fault, for what a person is to do. `may_work_later`: what stood in the way may pass by
    itself, so the same stage may be tried again.
    """

    may_work_later = False

    def __init__(self, sentence: str, fault: Fault = Fault.BUG) -> None:
        super().__init__(sentence if len(sentence) <= MOST_TOLD else sentence[: MOST_TOLD - 3] + "...")
        self.fault = fault


class ChannelError(PipelineError):
    """The other side of a call is at fault.

    `counterpart` is who (`tmall-1`, `WH-S`, `kuaidi100`), `action` what was asked, `obstacle` what it said.
    """

    def __init__(self, counterpart: str, action: str, obstacle: str) -> None:
        super().__init__(f"{counterpart}: {action}: {obstacle}")
        self.counterpart = counterpart
        self.action = action
        self.obstacle = obstacle


class ChannelUnavailable(ChannelError):
    """Nothing was done on the other side; the same call may work later."""


class CounterpartBusy(ChannelUnavailable):
    """Another run of ours is talking to the other side, which takes one at a time."""


class PutOff(ChannelUnavailable):
    """Not taken now, for what is said of this very thing: the other side is there for the others."""


class RateLimited(ChannelError):
    """Too many calls; wait `retry_after_s` seconds before the next."""

    def __init__(self, counterpart: str, action: str, obstacle: str, retry_after_s: float) -> None:
        super().__init__(counterpart, action, obstacle)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(ChannelError):
    """The request left but no answer came; whether it took effect must be found out."""


class ChannelDenied(ChannelError):
    """A token, a key or a permission is missing or over; only a person can mend it."""


class TokenRefused(ChannelDenied):
    """The access token is over or unknown: with another one the same call may work."""


class ChannelRejected(ChannelError):
    """The other side refused for good; repeating changes nothing."""
