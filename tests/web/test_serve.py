import os
import signal
import socket
import subprocess
import sys
import time

import httpx

from models.settings import CHECKOUT
from tests.web.conftest import PULL_TOKEN, Pool


def test_the_process_serves_logs_no_token_and_ends_when_told_to(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "web.serve", "--port", str(port)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "ORDERPOOL_DATABASE_URL": pool.url},
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert answers(client, process)
            answer = client.post("/receiver/rcv_abc", headers={"authorization": f"Bearer {PULL_TOKEN}"})
            assert answer.status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=15)

    assert "POST /receiver/{receiver_token} 200" in output
    assert "rcv_abc" not in output
    assert process.returncode in (0, -signal.SIGTERM)


def answers(client: httpx.Client, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return client.get("/health").status_code == 200
        except httpx.ConnectError:
            time.sleep(0.1)
    return False
