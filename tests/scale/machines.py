"""The services of the compose file as processes of this machine, each with a loopback address of its own.

What the containers would run is run here: the same commands with the same variables, names replaced by addresses. In
the place of the images stand the PostgreSQL, Redis and HAProxy that the system has.
"""

import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deployments.processes import end, tree
from models.settings import CHECKOUT
from tests.scale.composition import Service, services

PATIENCE_S = 180.0
POSTGRES_USER = "orderpool"


def program(name: str) -> str | None:
    """A program of the system; those of Debian's PostgreSQL are not on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else shutil.which(name)


MISSING = [name for name in ("initdb", "redis-server", "haproxy") if program(name) is None]


@dataclass(slots=True)
class Machines:
    """Containers by name (`worker-1`): where each answers, what runs in it, and what it wrote."""

    folder: Path
    services: Mapping[str, Service]
    addresses: dict[str, str]
    running: dict[str, psutil.Process] = field(default_factory=dict)

    def address(self, name: str, port: int) -> str:
        """Where a container answers."""
        return f"{self.addresses[name]}:{port}"

    def log(self, name: str) -> str:
        """What a container wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def up(self, service: str, number: int = 1) -> None:
        """Start a container of a service."""
        name = self._name(service, number)
        found = self.services[service]
        log = (self.folder / f"{name}.log").open("ab")
        user = _database_user() if service == "postgres" else None
        child = subprocess.Popen(
            self._command(found, name),
            env=self._environment(found),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            start_new_session=True,
        )
        self.running[name] = psutil.Process(child.pid)
        log.close()

    def all_up(self, service: str) -> None:
        """Start every container of a service."""
        for number in range(1, self.services[service].replicas + 1):
            self.up(service, number)

    def complete(self, service: str) -> None:
        """Run a service that ends by itself, and wait until it did."""
        self.up(service)
        code = self.running.pop(service).wait(timeout=PATIENCE_S)
        assert code == 0, self.log(service)

    def lose(self, name: str) -> None:
        """kill -9 everything in a container at once, as when its machine is gone."""
        processes = tree(self.running.pop(name))
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=10)

    def stop(self, name: str) -> None:
        """Stop a container as `docker stop` does."""
        end(tree(self.running.pop(name)), grace_s=10)

    def down(self) -> None:
        """Stop everything, the databases last."""
        for name in sorted(self.running, key=lambda each: each in {"postgres", "redis"}):
            self.stop(name)

    def _name(self, service: str, number: int) -> str:
        return f"{service}-{number}" if self.services[service].replicas > 1 else service

    def _command(self, service: Service, name: str) -> list[str]:
        parts = [part.replace("0.0.0.0", self.addresses[name]) for part in service.command]
        if service.name == "postgres":
            return [str(program("postgres")), "-D", str(self.folder / "postgres"), *parts[1:], *self._postgres_place()]
        if service.name == "redis":
            place = ["--bind", self.addresses[name], "--dir", str(self.folder), "--loglevel", "warning"]
            return [str(program("redis-server")), *parts[1:], *place]
        if service.name == "prefect":
            return [str(program("haproxy")), *parts[1:-1], str(CHECKOUT / "deployments" / "haproxy.cfg")]
        ours = [sys.executable, "-m", "deployments.cli", *parts[1:]]
        return [*ours, "--name", name] if service.name == "worker" else ours

    def _postgres_place(self) -> list[str]:
        options = {
            "listen_addresses": self.addresses["postgres"],
            "unix_socket_directories": "",
            # what is tried here is not what a power failure leaves
            "fsync": "off",
        }
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _environment(self, service: Service) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERPOOL_", "PREFECT_"))}
        told = {name: self.resolved(value) for name, value in service.environment.items()}
        if "LISTEN_ON" in told:
            told["LISTEN_ON"] = told["LISTEN_ON"].replace("*", self.addresses[service.name])
        if "PREFECT_SERVER_UI_STATIC_DIRECTORY" in told:
            told["PREFECT_SERVER_UI_STATIC_DIRECTORY"] = str(self.folder / "ui")
        return plain | told | {"ORDERPOOL_VAR": str(self.folder / "var")}

    def resolved(self, text: str) -> str:
        """A text with the names of services replaced by their addresses, as the network of containers does it."""
        names = "|".join(sorted(self.services, key=len, reverse=True))
        return re.sub(rf"(?<![\w-])({names})(?=:\d)", lambda match: self.addresses[match[1]], text)


@contextmanager
def machines(folder: Path, given: Mapping[str, str]) -> Iterator[Machines]:
    """Every container of the compose file with an address, none running; all that run are stopped at the end.

    `given` are the variables of the shell, POSTGRES_PASSWORD among them.
    """
    found = services(given)
    network = f"127.{random.randrange(64, 250)}.{random.randrange(250)}"
    names = [
        each
        for name, service in found.items()
        for each in ([f"{name}-{i + 1}" for i in range(service.replicas)] if service.replicas > 1 else [name])
    ]
    made = Machines(folder, found, {name: f"{network}.{place}" for place, name in enumerate(names, start=2)})
    _make_cluster(folder / "postgres", given["POSTGRES_PASSWORD"])
    try:
        yield made
    finally:
        made.down()


def _make_cluster(data: Path, password: str) -> None:
    """What the image does at its first start: a cluster with one user."""
    data.mkdir()
    password_file = data.parent / "password"
    password_file.write_text(password)
    user = _database_user()
    if user:
        data.parent.chmod(0o711)
        for path in (data, password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
    subprocess.run(
        [
            *(str(program("initdb")), "-D", str(data), "-U", POSTGRES_USER, "--pwfile", str(password_file)),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
        ],
        check=True,
        capture_output=True,
        cwd=data,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
    )


def _database_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def eventually(look: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    until = time.monotonic() + patience_s
    while not look():
        assert time.monotonic() < until, f"not after {patience_s:.0f} s: {what}"
        time.sleep(0.3)
