"""The robots of two groups, at WeCom and DingTalk: they take messages, or refuse them with HTTP 200."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import signatures
from sandbox.clock import wall_now
from sandbox.faulty import Faulty
from sandbox.group_robots import DINGTALK, WECOM, Robot
from sandbox.world import World

TIMESTAMP_WITHIN = timedelta(hours=1)
TEXT_BYTES, MARKDOWN_BYTES, DINGTALK_BYTES = 2048, 4096, 20_000


class Robots:
    """What both platforms answer."""

    def __init__(self, world: World, faulty: Faulty) -> None:
        self._world = world
        self._faulty = faulty

    def routes(self) -> list[Route]:
        """Return the two addresses."""
        return [
            Route("/cgi-bin/webhook/send", self.wecom, methods=["POST"]),
            Route("/robot/send", self.dingtalk, methods=["POST"]),
        ]

    async def wecom(self, request: Request) -> Response:
        """Take a message for the WeCom group."""
        return await self._answer(request, self._world.robots[WECOM], "key", _wecom_problem)

    async def dingtalk(self, request: Request) -> Response:
        """Take a message for the DingTalk group."""
        return await self._answer(request, self._world.robots[DINGTALK], "access_token", self._dingtalk_problem)

    async def _answer(
        self, request: Request, robot: Robot, name: str, problem: Callable[[Request, Robot, bytes], Response | None]
    ) -> Response:
        body = await request.body()

        async def handle() -> Response:
            if request.query_params.get(name) != robot.key:
                found: Response | None = _no_robot(robot)
            elif robot.too_fast(self._world.now()):
                found = _refuse(robot, "rate_limit")
            else:
                found = problem(request, robot, body)
            if found is not None:
                robot.refused += 1
                return found
            robot.taken.append({"at": self._world.now().isoformat(), "body": json.loads(body)})
            return _said(0, "ok")

        def refuse(kind: str) -> Response:
            robot.refused += 1
            return _refuse(robot, kind)

        return await self._faulty.apply(request, robot.target, "send", handle, refuse)

    def _dingtalk_problem(self, request: Request, robot: Robot, body: bytes) -> Response | None:
        if robot.secret and not self._is_signed(request, robot):
            return _said(310000, "sign not match")
        message = _message(body)
        if message is None or message.get("msgtype") not in {"text", "markdown"} or len(body) > DINGTALK_BYTES:
            return _said(40035, "param is invalid")
        content = message.get(message["msgtype"])
        wanted = {"title", "text"} if message["msgtype"] == "markdown" else {"content"}
        if not isinstance(content, dict) or not all(content.get(name) for name in wanted):
            return _said(40035, "param is invalid")
        written = [str(value) for value in content.values()]
        if robot.keyword and not any(robot.keyword in value for value in written):
            return _said(310000, "keywords not in content")
        return None

    def _is_signed(self, request: Request, robot: Robot) -> bool:
        stamp, given = request.query_params.get("timestamp", ""), request.query_params.get("sign", "")
        if not (stamp.isascii() and stamp.isdigit()):
            return False
        times = (wall_now().timestamp(), self._world.now().timestamp())
        if all(abs(now - int(stamp) / 1000) > TIMESTAMP_WITHIN.total_seconds() for now in times):
            return False
        return signatures.same(given, signatures.dingtalk(stamp, robot.secret))


def _wecom_problem(request: Request, robot: Robot, body: bytes) -> Response | None:
    message = _message(body)
    limits = {"text": TEXT_BYTES, "markdown": MARKDOWN_BYTES, "markdown_v2": MARKDOWN_BYTES}
    kind = str(message.get("msgtype")) if message else ""
    if message is None or kind not in limits:
        return _said(40008, "invalid message type")
    content = message.get(kind)
    text = content.get("content") if isinstance(content, dict) else None
    if not isinstance(text, str) or not text:
        return _said(44004, "empty content")
    if len(text.encode()) > limits[kind]:
        return _said(40058, f"{kind}.content exceed max length {limits[kind]}")
    return None


def _message(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _no_robot(robot: Robot) -> Response:
    return _said(93000, "invalid webhook url") if robot.platform == WECOM else _said(300001, "token is not exist")


def _refuse(robot: Robot, kind: str) -> Response:
    """Word a refusal as the platform does; any but a limit is one of security."""
    if kind == "rate_limit":
        if robot.platform == WECOM:
            return _said(45009, "api freq out of limit")
        return _said(130101, "send too fast, exceed 20 times per minute")
    return _no_robot(robot) if robot.platform == WECOM else _said(310000, "sign not match")


def _said(code: int, message: str) -> Response:
    return JSONResponse({"errcode": code, "errmsg": message})
