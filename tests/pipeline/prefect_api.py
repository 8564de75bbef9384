"""Prefect as a browser sees it: the calls of its UI, made over plain HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

ENDS = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """The REST API of a Prefect server."""

    client: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, url: str) -> Iterator["PrefectApi"]:
        """A client of the server whose API answers at `url`."""
        with httpx.Client(base_url=url.rstrip("/") + "/", timeout=60, trust_env=False) as client:
            yield cls(client)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call; raises httpx.HTTPStatusError when the server refuses."""
        response = self.client.request(method, path, json=body)
        response.raise_for_status()
        return response.json()

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Have a deployment (`flow/name`) run; returns the flow run's id."""
        found = self.call("GET", f"deployments/name/{deployment}")
        run = self.call("POST", f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def open_run(self, flow: str, parameters: dict[str, Any]) -> str:
        """Make a run of a flow that belongs to no deployment, for a process of the test's own."""
        flow_id = self.call("POST", "flows/", {"name": flow})["id"]
        body = {"flow_id": flow_id, "parameters": parameters, "state": {"type": "PENDING"}}
        return str(self.call("POST", "flow_runs/", body)["id"])

    def state(self, run_id: str) -> dict[str, Any]:
        """The state of a flow run: type, name, message."""
        state: dict[str, Any] = self.call("GET", f"flow_runs/{run_id}")["state"]
        return state

    def history(self, run_id: str) -> list[tuple[str, str]]:
        """Name and message of every state a flow run had."""
        states = self.client.get("flow_run_states/", params={"flow_run_id": run_id}).json()
        return [(state["name"], str(state["message"])) for state in states]

    def wait(self, run_id: str, patience_s: float = 120) -> dict[str, Any]:
        """The state in which a flow run ends."""
        until = time.monotonic() + patience_s
        while (state := self.state(run_id))["type"] not in ENDS:
            assert time.monotonic() < until, f"flow run {run_id} is still {state['name']}"
            time.sleep(0.3)
        return state

    def wait_settled(self, run_id: str, settled_s: float = 15) -> dict[str, Any]:
        """The end of a run that was retried right after a crash.

        The worker reports that crash once more seconds later, which a new attempt may outlive or not; Crashed
        counts when it lasts.
        """
        while True:
            state = self.wait(run_id)
            until = time.monotonic() + settled_s
            while state["type"] == "CRASHED" and self.state(run_id)["type"] == "CRASHED":
                if time.monotonic() > until:
                    return state
                time.sleep(0.3)
            if state["type"] != "CRASHED":
                return state

    def retry(self, run_id: str, *, force: bool = False) -> None:
        """Press Retry on the page of a flow run; `force` as the CLI does it, for a run of no deployment."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
        answer = self.call("POST", f"flow_runs/{run_id}/set_state", {"state": state, "force": force})
        assert answer["status"] == "ACCEPT", answer

    def crash(self, run_id: str) -> None:
        """Call a run crashed, as the watch for dead runs does."""
        state = {"type": "CRASHED", "message": "no heartbeat: the process of this run died"}
        answer = self.call("POST", f"flow_runs/{run_id}/set_state", {"state": state, "force": False})
        assert answer["status"] == "ACCEPT", answer

    def steps(self, run_id: str, expected: int = 0) -> list[tuple[str, str]]:
        """Stage and state name of each task run, oldest first; waits until `expected` of them are recorded as ended."""
        until = time.monotonic() + 30
        while True:
            body = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
            runs = self.call("POST", "task_runs/filter", body)
            ended = [run for run in runs if run["state_type"] in ENDS]
            if len(ended) >= expected or time.monotonic() > until:
                return [(stage_of(run), run["state_name"]) for run in runs]
            time.sleep(0.3)

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """The artifacts of a flow run by key, the newest of each."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "CREATED_DESC", "limit": 200}
        found = self.call("POST", "artifacts/filter", body)
        return {artifact["key"]: artifact for artifact in reversed(found) if artifact["key"]}


def stage_of(task_run: dict[str, Any]) -> str:
    """The task's name: `dispatch` of `dispatch · batch 12 · 90 orders`."""
    return str(task_run["task_key"]).rpartition(".")[2].partition("-")[0]
