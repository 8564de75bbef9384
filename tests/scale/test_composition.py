"""The compose file: whether all it says exists. `test_many_machines` runs what it says."""

import re
from collections.abc import Iterable

import pytest
import typer
from prefect.settings import Settings as PrefectSettings
from prefect_redis.client import RedisMessagingSettings
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from deployments import commands
from deployments.foreground import PROCESSES
from models.settings import CHECKOUT
from models.settings import Settings as OwnSettings
from tests.scale.composition import FILE, as_written, filled_in, services

GIVEN = {"POSTGRES_PASSWORD": "secret", "ORDERPOOL_KEY": "00" * 32}
OURS = [service for service in services(GIVEN).values() if service.image.startswith("orderpool:")]


def variables_of(model: type[BaseModel], prefix: str) -> Iterable[str]:
    """Every environment variable that settings read, those of nested settings among them."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseSettings):
            yield from variables_of(inner, str(inner.model_config.get("env_prefix", "")))
        else:
            yield f"{prefix}{name}".upper()


def test_every_command_of_ours_exists() -> None:
    commands.load()
    known = typer.main.get_command(commands.app)
    context = typer.Context(known)

    for service in OURS:
        program, name, *arguments = service.command
        command = known.get_command(context, name)  # type: ignore[attr-defined]
        assert program == "orderpool"
        assert command is not None, service
        command.make_context(name, list(arguments))


def test_every_process_is_run_by_a_service() -> None:
    run = {service.command[2] for service in OURS if service.command[1] == "run"}

    assert run == set(PROCESSES)


def test_every_variable_of_our_services_is_read_by_us_or_by_prefect() -> None:
    ours = {f"ORDERPOOL_{name}".upper() for name in OwnSettings.model_fields}
    redis = variables_of(RedisMessagingSettings, "PREFECT_REDIS_MESSAGING_")
    known = ours | set(variables_of(PrefectSettings, "PREFECT_")) | set(redis)

    for service in OURS:
        assert set(service.environment) <= known, service.name


def test_what_a_service_needs_is_another_service() -> None:
    found = services(GIVEN)

    assert all(set(service.needs) <= set(found) for service in found.values())


def test_once_services_are_waited_for_until_they_completed() -> None:
    for service in services(GIVEN).values():
        for needed, condition in service.needs.items():
            assert (condition == "service_completed_successfully") == (needed in {"migrate", "set-up"}), service.name


def test_services_that_are_waited_for_until_healthy_say_how_they_are() -> None:
    written = as_written()["services"]
    waited_for = {
        name
        for service in services(GIVEN).values()
        for name, condition in service.needs.items()
        if condition == "service_healthy"
    }

    assert all("healthcheck" in written[name] for name in waited_for)


def test_no_image_is_taken_without_a_version() -> None:
    for service in services(GIVEN).values():
        assert re.search(r":\d", service.image), service


def test_volumes_that_are_mounted_are_declared_or_lie_in_the_checkout() -> None:
    written = as_written()

    for service in written["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in written["volumes"] or (FILE.parent / source).exists(), volume


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_secret_that_is_not_given_stops_the_start(name: str) -> None:
    without = {key: value for key, value in GIVEN.items() if key != name}

    with pytest.raises(KeyError, match=name):
        services(without)


def test_no_secret_is_written_into_the_file() -> None:
    assert not re.search(r"^\s*\w*(PASSWORD|KEY): (?!\$\{)", FILE.read_text(), re.MULTILINE)


def test_default_within_a_default_is_filled_in() -> None:
    assert filled_in("${A:-x${B}y}/z", {"B": "1"}) == "x1y/z"


def test_image_is_built_by_hash_and_not_run_by_root() -> None:
    text = (CHECKOUT / "deployments" / "Containerfile").read_text()

    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER orderpool$", text, re.MULTILINE)
    assert re.search(r"^FROM python:\d+\.\d+-slim", text, re.MULTILINE)
