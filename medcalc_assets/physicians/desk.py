"""The desk: every packet under its secret link, a case a screen, for several reviewers at once.

What is typed is on the disk, below `$MEDCALC_HOME/desk/`, before it is said to be saved: nothing of it is lost with the
server. It is a draft, and becomes answers when its reviewer hands the packet in: through the reader of every file that comes
back.
"""

import datetime as dt
import hashlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.value import OutputType
from medcalc_assets.physicians.forms import ASKED, CHOICES, FOR_CARDS, PACKET, RULE, Case, as_json, printable
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import checked
from medcalc_assets.physicians.spreadsheet import LENGTH
from medcalc_assets.physicians.understood import Understood, understood
from medcalc_assets.storage.files import write_durably
from medcalc_assets.storage.tables import RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets.templates import templates

FOLDER = "desk"
"""Of a home, where drafts are."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # the link is a secret
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LARGEST = 16 * LENGTH
"""Bytes of what a page may send."""
RELEASED = "A release has your answer, and says what became of it: another one would not be blind. You can take it back."
MISSING = "Nothing is here. Open the link that you were sent, whole."

log = logging.getLogger(__name__)


class NothingToHandIn(MedcalcError):
    """No case of a packet is answered."""


class Instance(NamedTuple):
    """What the desk knows of a case beside note and question."""

    calculator_id: int
    output_type: OutputType


class Draft(NamedTuple):
    """What a reviewer has typed: by uid, or id of a card, the fields; and when the packet was last handed in."""

    typed: dict[str, dict[str, str]]
    saved_at: str | None
    handed_in_at: str | None


@dataclass(frozen=True)
class Desk:
    """The packets of a home, as their reviewers work on them."""

    packets: Packets
    warehouse: Warehouse
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def instances(self) -> dict[int, Instance]:
        """By uid. Read once, as a run may hold the warehouse later."""
        raw = self.warehouse.read(RAW_MEDCALC, columns=["uid", "calculator_id", "output_type"])
        return {uid: Instance(*about) for uid, *about in raw.iter_rows()}

    @property
    def output_types(self) -> dict[int, str]:
        return {uid: instance.output_type for uid, instance in self.instances.items()}

    def packet(self, link: str) -> dict[str, Any] | None:
        """The packet with this secret. Every packet is compared, whether one before it is the one or none is."""
        given, found = hashlib.sha256(link.encode(errors="replace")).digest(), None
        for packet in self.packets.issued():
            secret = packet.get("secret")
            kept = hashlib.sha256(secret.encode()).digest() if secret else b""
            if secrets.compare_digest(kept, given):
                found = packet
        return found

    def draft(self, packet: Mapping[str, Any]) -> Draft:
        try:
            return Draft(**json.loads(self._path(packet).read_bytes()))
        except FileNotFoundError:
            return Draft({}, None, None)
        except (ValueError, TypeError) as error:
            raise MedcalcError(f"{self._path(packet)} is damaged ({error!r:.80}). Restore it from a backup.") from error

    def save(self, packet: Mapping[str, Any], case: Case, typed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Keep what was typed to a case, durably, and return when, and what."""
        names = FOR_CARDS if case.choices else ASKED
        kept = {name: typed[name] for name in names if typed.get(name, "").strip()}
        with self._lock:
            draft = self.draft(packet)
            saved = draft._replace(typed={**draft.typed, str(case.uid): kept}, saved_at=_now())
            write_durably(self._path(packet), as_json(saved._asdict()))
        return saved.saved_at or "", kept

    def faults(self, packet: Mapping[str, Any], case: Case, typed: Mapping[str, str]) -> list[str]:
        """Why what was typed is no answer that could be handed in; none for nothing typed, too."""
        if not is_answered(typed):
            return []
        if typed.get("value") and typed.get("cannot_be_computed"):
            return ["There is a value, and “cannot be computed”. Empty the value, or take the tick off."]
        value = self.understood(case, typed)
        if value and value.is_fault:
            return [value.said]
        _, faults = checked([_row(case, typed)], packet, self.output_types)
        return [f"{fault.problem}. {fault.remedy}." for fault in faults]

    def understood(self, case: Case, typed: Mapping[str, str]) -> Understood | None:
        """How the value of a case is read; None without one, and for a card."""
        if case.choices or not typed.get("value") or not (about := self.instances.get(int(case.uid))):
            return None
        return understood(typed["value"], CALCULATORS[about.calculator_id], about.output_type)

    def hand_in(self, packet: Mapping[str, Any], cases: list[Case]) -> int:
        """Take over what was answered, and what was taken back since; return how many answers.

        Raises PacketError. What was taken over is no longer typed anew: it is said to be so, and a later one supersedes it.
        """
        with self._lock:
            draft = self.draft(packet)
            answered = [case for case in cases if is_answered(draft.typed.get(str(case.uid), {}))]
            counting = self.packets.counting(packet)
            gone = [case.uid for case in cases if case not in answered and case.uid in counting]
            if not (answered or gone):
                raise NothingToHandIn("Nothing is answered.")
            content = {name: packet.get(name) for name in PACKET} | {
                "saved_at": draft.saved_at,
                "answers": [_row(case, draft.typed[str(case.uid)]) for case in answered],
                "withdrawn": gone,
            }
            self.packets.take_over(Path(f"{packet['packet']}_desk.json"), as_json(content), self.output_types)
            write_durably(self._path(packet), as_json(draft._replace(handed_in_at=_now())._asdict()))
        return len(answered)

    def _path(self, packet: Mapping[str, Any]) -> Path:
        return self.packets.home / FOLDER / f"{packet['packet']}.json"


def is_answered(typed: Mapping[str, str]) -> bool:
    return bool(typed.get("value") or typed.get("cannot_be_computed"))


def _row(case: Case, typed: Mapping[str, str]) -> dict[str, Any]:
    """A case as the form saves it."""
    given = {"uid": case.uid, "question": case.question, "note": case.note, "place": f"case {case.uid}"}
    return given | {name: typed.get(name) for name in ASKED}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class WithHeaders:
    """Every answer has HEADERS."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers)


def application(desk: Desk, became: Callable[[str], Mapping[int | str, str]]) -> Starlette:
    """The pages of the desk. Who knows no link learns nothing from them, and nobody learns a link.

    `became` says of a reviewer, by uid or id of a card, what a release made of the answer.
    """

    def outcomes(packet: Mapping[str, Any]) -> dict[int | str, str]:
        """Of the answers that were handed in. Whoever has answered nothing learns nothing."""
        said = became(packet["reviewer"])
        return {uid: told for uid, told in said.items() if isinstance(uid, int) or uid in desk.packets.counting(packet)}

    def is_done(packet: Mapping[str, Any], case: Case, draft: Draft) -> bool:
        typed = draft.typed.get(str(case.uid), {})
        return is_answered(typed) and not desk.faults(packet, case, typed)

    def shown(template: str, status: int = 200, **context: Any) -> HTMLResponse:
        return HTMLResponse(templates().get_template(template).render(**context), status)

    def of_packet(page: Callable[..., Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            body = await _body(request)
            return await run_in_threadpool(within, request, body)

        def within(request: Request, body: dict[str, str]) -> Response:
            packet = desk.packet(request.path_params["link"])
            if packet is None:
                raise HTTPException(404)
            return page(request, packet, desk.packets.cases(packet), body)

        return answered

    def screen(
        request: Request, packet: dict[str, Any], cases: list[Case], body: dict[str, str], faults: list[str] | None = None
    ) -> Response:
        place = request.path_params["place"]
        if not 1 <= place <= len(cases):
            raise HTTPException(404)
        case, draft = cases[place - 1], desk.draft(packet)
        typed = draft.typed.get(str(case.uid), {})
        about = None if case.choices else desk.instances.get(int(case.uid))
        calculator = about and CALCULATORS[about.calculator_id]
        outcome = outcomes(packet).get(case.uid)
        return shown(
            "desk_case.html.j2",
            root="../",
            packet=packet,
            case=case,
            about=printable(case.note.rpartition(RULE)[0] if case.choices else case.note),
            question=printable(case.question),
            place=place,
            name=calculator.name if calculator else "",
            choices=CHOICES,
            saved_at=draft.saved_at,
            cases=[(each, is_done(packet, each, draft)) for each in cases],
            typed=typed,
            outcome=outcome,
            value=desk.understood(case, typed),
            faults=faults or [],
            unit=calculator.unit if calculator else "",
            output_type=about.output_type if about else "",
            inputs=[each.name for each in calculator.inputs] if calculator else [],
        )

    def save(request: Request, packet: dict[str, Any], cases: list[Case], body: dict[str, str]) -> Response:
        place = request.path_params["place"]
        if not 1 <= place <= len(cases):
            raise HTTPException(404)
        case = cases[place - 1]
        then = body.get("then")
        if then != "withdraw" and not case.choices and case.uid in outcomes(packet):
            raise HTTPException(409)
        saved_at, typed = desk.save(packet, case, {} if then == "withdraw" else body)
        faults = desk.faults(packet, case, typed)
        if "application/json" in request.headers.get("accept", ""):
            value = desk.understood(case, typed)
            return JSONResponse({"saved_at": saved_at, "faults": faults, "value": value._asdict() if value else None})
        if then == "withdraw":
            return RedirectResponse(f"{place}", 303)
        if faults or not is_answered(typed):
            return screen(request, packet, cases, body, faults or ["Nothing is answered yet. Answer, or skip."])
        return RedirectResponse(f"{place + 1}" if place < len(cases) else "end", 303)

    def first(request: Request, packet: dict[str, Any], cases: list[Case], body: dict[str, str]) -> Response:
        draft = desk.draft(packet)
        place = next((n for n, case in enumerate(cases, 1) if not is_done(packet, case, draft)), None)
        return RedirectResponse(f"{request.path_params['link']}/{place or 'end'}", 303)

    def end(request: Request, packet: dict[str, Any], cases: list[Case], body: dict[str, str]) -> Response:
        draft = desk.draft(packet)
        of_cases = [(case, draft.typed.get(str(case.uid), {})) for case in cases]
        found = [(case, typed, desk.faults(packet, case, typed), desk.understood(case, typed)) for case, typed in of_cases]
        told = ""
        if request.method == "POST" and any(faults for _, _, faults, _ in found):
            told = "Some answers cannot be handed in as they are: correct them, or take them back."
        elif request.method == "POST":
            try:
                desk.hand_in(packet, cases)
                return RedirectResponse("end", 303)
            except NothingToHandIn:
                told = "Nothing is answered yet."
            except MedcalcError as error:
                log.warning("%s could not be handed in: %s", packet["packet"], error)
                told = "This could not be handed in. All that you typed is kept: tell whoever sent you the link."
        return shown(
            "desk_end.html.j2",
            root="../",
            packet=packet,
            cases=cases,
            outcomes=outcomes(packet),
            found=found,
            draft=draft,
            told=told,
            answered=sum(is_answered(typed) and not faults for _, typed, faults, _ in found),
            is_answered=is_answered,
        )

    def file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        content = resources.files("medcalc_assets.templates").joinpath(name).read_bytes()

        async def answered(request: Request) -> Response:
            return Response(content, media_type=kind)

        return answered

    async def missing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        depth = request.url.path.count("/") - 1
        told = {413: "That is too long to be kept. Shorten it.", 409: RELEASED}.get(status, MISSING)
        return shown(
            "desk_missing.html.j2", 404 if status in (404, 405) else status, packet=None, root="../" * depth, told=told
        )

    async def failed(request: Request, error: Exception) -> Response:
        log.warning("The desk could not answer: %s", error)
        told = "That did not work, and nothing that was saved is lost. Try again in a while."
        return shown("desk_missing.html.j2", 500, packet=None, root="../" * (request.url.path.count("/") - 1), told=told)

    return Starlette(
        routes=[
            *(Route(f"/static/{name}", file(name, "text/css")) for name in ("base.css", "desk.css")),
            Route("/static/desk.js", file("desk.js", "text/javascript")),
            Route("/{link:str}", of_packet(first), methods=["GET"]),
            Route("/{link:str}/end", of_packet(end), methods=["GET", "POST"]),
            Route("/{link:str}/{place:int}", of_packet(screen), methods=["GET"]),
            Route("/{link:str}/{place:int}", of_packet(save), methods=["POST"]),
        ],
        exception_handlers={HTTPException: missing, MedcalcError: failed, OSError: failed},
        middleware=[Middleware(WithHeaders)],
    )


async def _body(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; of one that is there twice the last."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413)
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
