"""The Dagster UI behind a guard: by itself it does what any web page, or any host that names this machine, asks of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext  # the only way to the app before it is served
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from medcalc_assets.cli import auditor, authors, change, console, home, source
from medcalc_assets.cli.guard import ADDRESS, Guard, of_another_host, of_another_page
from medcalc_assets.cli.instance import instance_of_dagster
from medcalc_assets.errors import MedcalcError
from medcalc_assets.reports.pages import FOLDER, SERVED
from medcalc_assets.settings import ProjectSettings
from medcalc_assets.storage.warehouse import home_folder

BODIES = ("application/json", "application/graphql", "multipart/form-data")
SECONDS_TO_STOP = 20
WORKSPACE = """load_from:
  - grpc_server: {{host: localhost, socket: "{code}", location_name: medcalc_assets}}
"""


class UIError(MedcalcError):
    """The UI cannot be served. The message names the cause and the remedy."""


class Pages(StaticFiles):
    """The report and what belongs to it, as they are now."""

    async def check_config(self) -> None:
        """Before the first run there is no folder, and there may be one later."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            found = await super().get_response(path, scope)
        except HTTPException as error:
            return PlainTextResponse("There is no such page: `medcalc pages` writes them.\n", error.status_code)
        found.headers["Cache-Control"] = "no-cache"  # a run writes them anew
        return found


def refusal(request: HTTPConnection) -> str | None:
    """Why a request is refused, None if it is not.

    What may change something (all but plain reading) must come from a page of the same address, or from no page at all, and
    no page can send it unasked.
    """
    headers, path, method = request.headers, request.url.path, request.scope.get("method", "WEBSOCKET")
    reads = method in ("GET", "HEAD")
    if why := of_another_host(request):
        return why
    if path.startswith("/report_asset_"):
        return "What was materialized is reported by runs only."
    if (not reads or path.startswith("/graphql")) and (why := of_another_page(request)):
        return why
    if reads and path.startswith("/graphql") and "text/html" not in headers.get("accept", ""):
        return "Queries and mutations are sent with POST."
    if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() not in BODIES:
        return f"The body must be {', '.join(BODIES)}."
    return None


@click.command()
@home
@source
@authors
@auditor
@change
@click.option("--port", type=int, default=3000, show_default=True, help="Port on 127.0.0.1.")
def ui(port: int) -> None:
    """Serve the Dagster UI on this machine, behind a guard.

    The daemon, which starts runs, is served with it, until Ctrl-C.

    \b
    Example:
      medcalc ui --source hf
    """
    ProjectSettings.from_environment().require_unchanged()
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _frame: sys.exit(128 + number))
    try:
        door = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise UIError(f"Port {port} cannot be had: {error}. Stop what has it, or give another one (--port).") from error
    with door, instance_of_dagster() as instance, suppress(KeyboardInterrupt):
        if instance.is_ephemeral:
            raise UIError("DAGSTER_HOME is not set: let it name a folder, in which Dagster keeps its history.")
        _serve(instance, door)


def _serve(instance: dg.DagsterInstance, door: socket.socket) -> None:
    """Webserver and daemon, which share one server of the code."""
    with TemporaryDirectory() as folder:
        code, workspace = Path(folder, "code"), Path(folder, "workspace.yaml")
        workspace.write_text(WORKSPACE.format(code=code), encoding="utf-8")
        loaded = ("--socket", str(code), "--module-name", "medcalc_assets.definitions", "--location-name", "medcalc_assets")
        with running("dagster", "code-server", "start", *loaded) as server:
            while not code.exists():
                if server.poll() is not None:
                    raise UIError("The chain could not be loaded: the reason is above.")
                time.sleep(0.1)
            target = WorkspaceFileTarget([str(workspace)])
            with (
                running("dagster._daemon", "run", "--workspace", str(workspace)),
                WorkspaceProcessContext(instance, target) as context,
            ):
                app = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
                app.add_middleware(Guard, refusal=refusal)
                pages = Pages(directory=home_folder() / FOLDER, check_dir=False)
                app.routes.insert(0, Mount(SERVED, pages))
                here = f"http://{ADDRESS}:{door.getsockname()[1]}"
                console.print(
                    f"The Dagster UI is on [bold]{here}[/], the report on {here}{SERVED}/report.html; Ctrl-C ends it."
                )
                # An open page keeps its connection: it is not waited for.
                config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
                uvicorn.Server(config).run(sockets=[door])


@contextmanager
def running(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that ends with the block, and all that it started, runs included.

    It is the leader of a session of its own, so that Ctrl-C reaches it through here, and what is left of it is found.
    """
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], start_new_session=True)
    try:
        yield process
    finally:
        try:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_STOP)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
