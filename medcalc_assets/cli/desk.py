"""The physicians' desk, served on this machine."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import click

from medcalc_assets.cli import console, home


@click.command()
@home
@click.option("--port", type=int, default=8060, show_default=True, help="Port on 127.0.0.1.")
@click.option("--link", "packet", metavar="PACKET", help="Show the secret link of this packet, and serve nothing.")
@click.option(
    "--origin", metavar="URL", help="How reviewers reach it through your TLS proxy, such as https://desk.example.org."
)
def desk(port: int, packet: str | None, origin: str | None) -> None:
    """Serve every packet to its reviewer, in the browser.

    Each packet has a secret link, which is all that its reviewer needs. What is typed is saved at every change; when it is
    handed in, it is taken over as by `medcalc ingest`. The server listens on this machine alone: SECURITY.md says how a
    proxy with TLS lets others reach it. Ctrl-C ends it.

    \b
    Examples:
      medcalc desk --link dr-lee-1
      medcalc desk --origin https://desk.example.org
    """
    import uvicorn
    from starlette.requests import HTTPConnection

    from medcalc_assets.cli.guard import ADDRESS, Guard, of_another_host, of_another_page
    from medcalc_assets.errors import MedcalcError
    from medcalc_assets.physicians.desk import FOLDER, Desk, application
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.release.became import became
    from medcalc_assets.release.releases import Releases
    from medcalc_assets.storage.files import locked
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    if origin is not None:
        parts = urlsplit(origin)
        if parts.scheme != "https" or not parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
            raise MedcalcError(
                f"--origin is {origin!r:.80}: give https:// and the host alone, such as https://desk.example.org."
            )
        origin = f"https://{parts.netloc}"
    origins = [origin] if origin else []

    def refusal(request: HTTPConnection) -> str | None:
        reads = request.scope["method"] in ("GET", "HEAD")
        return of_another_host(request, origins) or (None if reads else of_another_page(request, origins))

    packets = Packets(home_folder())
    if packet:
        secret = packets.find(packet).get("secret")
        if not secret:
            raise MedcalcError(f"{packet} was issued without a secret, by an earlier version: the desk does not serve it.")
        console.print(f"{origin or f'http://{ADDRESS}:{port}'}/{secret}", markup=False, soft_wrap=True, highlight=False)
        return
    releases = Releases(home_folder() / "releases")
    served = Desk(packets, Warehouse(home_folder()))
    served.instances  # noqa: B018, read before a run holds the warehouse
    app = application(served, lambda reviewer: became(releases, reviewer))
    try:
        door = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise MedcalcError(f"Port {port} cannot be had: {error}. Stop what has it, or give another one (--port).") from error
    with (
        suppress(KeyboardInterrupt),
        door,
        locked(home_folder() / f"{FOLDER}.lock"),
    ):  # another one's drafts would be overwritten
        console.print(f"The desk is on [bold]http://{ADDRESS}:{door.getsockname()[1]}[/]; Ctrl-C ends it.", soft_wrap=True)
        console.print("The link of a packet: [bold]medcalc desk --link PACKET[/]", soft_wrap=True)
        # No log of requests: each has the secret.
        config = uvicorn.Config(Guard(app, refusal), log_level="warning", access_log=False)
        config.timeout_graceful_shutdown = 2
        uvicorn.Server(config).run(sockets=[door])
