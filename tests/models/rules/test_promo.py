"""Promo profiles are read strictly."""

from typing import Any

import pytest

from models.errors import SetupError
from models.rules.promo import Pausable, parse_profiles, stored_settings
from tasks.promo import shipped_profiles

USUAL = shipped_profiles()["usual"].to_json()


def test_the_shipped_profiles_can_be_read_and_stored() -> None:
    profiles = shipped_profiles()

    assert list(profiles) == ["usual", "big"]
    assert profiles["usual"].poll_seconds == 60
    assert profiles["big"].pause == tuple(Pausable)
    assert [stored_settings(profile.to_json(), "1") for profile in profiles.values()] == [*profiles.values()]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"poll_seconds": 1}, "mine, poll_seconds: input should be greater than or equal to 5, not 1"),
        ({"batch_size": 5001}, "mine, batch_size: input should be less than or equal to 5000, not 5001"),
        ({"shops_at_once": "4"}, "mine, shops_at_once: input should be a valid integer, not '4'"),
        ({"speed": 9}, "mine, speed: is not a setting; the settings are poll_seconds, batch_size"),
        ({"pause": ["process_orders"]}, "mine, pause, 0: input should be 'audit_ingest', 'audit_tracking', "),
    ],
)
def test_a_fault_of_a_profile_is_named_with_its_place(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=r"^promo profiles mine\.yaml: ") as caught:
        parse_profiles({"profiles": {"mine": USUAL | changes}}, "mine.yaml")

    assert said in str(caught.value)


@pytest.mark.parametrize("body", [None, [], {}, {"profiles": {}}, {"profiles": 3}, {"profiles": {"mine": None}}])
def test_what_holds_no_profile_is_refused(body: Any) -> None:
    with pytest.raises(SetupError, match=r"^promo profiles mine\.yaml: "):
        parse_profiles(body, "mine.yaml")
