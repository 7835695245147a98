"""A person's first session in the Dagster UI, in a real browser: all assets and calculators, and the plots.

One test, as one server and one materialization serve for all of it. It takes a minute and a half, of which Dagster's
daemon sleeps most. MEDCALC_SCREENSHOTS names a folder for pictures of every page.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page

from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.trace import PLAYGROUND
from medcalc_assets.storage.tables import TABLES
from medcalc_assets.storage.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
MAKE_UI = ("medcalc", "ui", "--source", "demo")
PATIENCE = 600  # seconds for a slow machine; nothing here is timed
EMPTY = (
    *("quarantine", "llm_calls", "auditor_drift", "auditor_versions", "sampling_plan", "label_releases"),
    *("model_outputs", "grades", "leaderboard", "key_effects"),
)
"""Tables to which the demo adds nothing: nobody is called, one auditor votes, and no release is asked for."""
PARTITIONED = {name for name, table in TABLES.items() if table.partitioned}


@dataclass(frozen=True)
class UI:
    """`make ui`, on another port and with a Dagster instance and a warehouse of its own."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str) -> Any:
        request = Request(f"{self.url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            return json.load(answer)["data"]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def until(condition: Callable[[], Any], what: str, ui: UI) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):
            if value := condition():
                return value
        time.sleep(0.3)
    raise AssertionError(f"{what}: not in {PATIENCE} s\n{ui.log[-4_000:]}")


@contextmanager
def served(folder: Path, *command: str) -> Iterator[UI]:
    """A UI that this command serves, from its first answer about the code until it has stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if not (folder / "dagster.yaml").exists():
        shutil.copy(ROOT / "dagster.yaml", folder)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / command[0], *command[1:], "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    started = UI(f"http://127.0.0.1:{port}", folder, process)
    try:
        until(lambda: started.ask("{assetNodes{id}}")["assetNodes"], "the code location", started)
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[UI]:
    with served(tmp_path, *MAKE_UI) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    page.close()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("MEDCALC_SCREENSHOTS"):
        page.wait_for_timeout(1_500)  # for what is still being drawn
        page.screenshot(path=Path(folder) / f"{name}.png")


def left_edge(page: Page, group: str) -> float:
    """Where the graph shows a group: lineage runs from left to right."""
    box = page.locator("foreignObject").get_by_text(group, exact=True).first.bounding_box()
    assert box
    return box["x"]


def test_a_person_materializes_all_calculators_in_the_browser_and_sees_the_plots(ui: UI, page: Page) -> None:
    page.goto(f"{ui.url}/asset-groups")
    page.get_by_role("button", name="Materialize all").wait_for()
    picture(page, "01 asset graph")
    in_order = ["source", "phase2_relabel", "disagreement", "release"]
    assert [left_edge(page, group) for group in in_order] == sorted(left_edge(page, group) for group in in_order)

    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click()
    dialog.get_by_text(f"{len(KEYS)} partitions").first.wait_for()
    picture(page, "02 materialize all")
    dialog.get_by_role("button", name="Launch backfill").click()

    def finished() -> str | None:
        backfills = ui.ask("{partitionBackfillsOrError{... on PartitionBackfills{results{status}}}}")
        statuses = [backfill["status"] for backfill in backfills["partitionBackfillsOrError"]["results"]]
        return statuses[0] if statuses and statuses[0] != "REQUESTED" else None

    assert until(finished, "the backfill", ui) == "COMPLETED_SUCCESS", ui.log
    runs = ui.ask("{runsOrError{... on Runs{results{status assetSelection{path}}}}}")["runsOrError"]["results"]
    assert {run["status"] for run in runs} == {"SUCCESS"}
    *after, chain = [{asset["path"][-1] for asset in run["assetSelection"]} for run in runs]
    assert chain == PARTITIONED, "all calculators are one run"
    figures = {*(TABLES.keys() - PARTITIONED - {"quarantine"}), "release_candidate"}
    after.remove({"quarantine"})  # of the whole source, it waits for nothing
    pages = {"label_pages"}
    # Dagster may look when the labels are made and their history, which the pages tell, is being written.
    assert after in ([figures | pages], [pages, figures]), "the figures are another"

    warehouse = Warehouse(Path(os.environ["MEDCALC_HOME"]))
    for name, table in TABLES.items():
        stored = warehouse.read(table, KEYS if table.partitioned else None)
        assert (stored.height > 0) == (name not in EMPTY), name
    assert warehouse.read(TABLES["raw_medcalc"])["calculator"].n_unique() == len(KEYS)

    nodes = ui.ask("{assetNodes{assetKey{path} staleStatus partitionStats{numMaterialized} description}}")["assetNodes"]
    for node in nodes:
        assert node["staleStatus"] == "FRESH", node
        assert node["description"]
        assert node["partitionStats"] in (None, {"numMaterialized": len(KEYS)})

    page.goto(f"{ui.url}/assets/benchmark_summary")
    plots = page.get_by_text("[Show Markdown]")
    plots.nth(1).wait_for()
    picture(page, "03 benchmark_summary")
    for number in range(2):
        plots.nth(number).click()
        image = page.get_by_role("dialog").locator("img")
        image.wait_for()
        picture(page, f"04 plot {number}")
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
        page.keyboard.press("Escape")
        image.wait_for(state="detached")

    page.goto(f"{ui.url}/assets/maintained_labels?view=checks")
    page.get_by_text("one_label_an_instance").first.wait_for()
    picture(page, "05 checks")
    page.goto(f"{ui.url}/assets/maintained_labels?view=partitions&partition=child_pugh")
    page.get_by_text("dagster/partition_row_count").wait_for()
    picture(page, "06 partition")
    with page.expect_popup() as opened:
        page.locator("a[href*='/report/index.html#calc=Child-Pugh']").first.click()
    of_child_pugh = warehouse.read(TABLES["raw_medcalc"]).filter(calculator="child_pugh").height
    opened.value.locator("#count", has_text=f"{of_child_pugh} of ").wait_for()
    opened.value.locator(".rows a").first.click()
    opened.value.get_by_role("heading", level=1).get_by_text("Label ").wait_for()
    opened.value.close()

    page.goto(f"{ui.url}/assets/maintained_labels")
    page.get_by_role("link", name="Trace it by its uid").click()
    launch = page.get_by_role("button", name="Launch Run")
    launch.wait_for()
    picture(page, "07 launchpad of the trace")
    launch.click()
    traced = '{runsOrError(filter: {pipelineName: "trace_label"}){... on Runs{results{status}}}}'
    until(lambda: {"status": "SUCCESS"} in ui.ask(traced)["runsOrError"]["results"], "the trace", ui)
    key = warehouse.rows_of(1)["raw_medcalc"][0]["calculator"]
    page.goto(f"{ui.url}/assets/maintained_labels?view=partitions&partition={key}")
    page.get_by_text("[Show Markdown]").click()
    page.get_by_role("dialog").get_by_role("heading", name="Label 1 ").wait_for()
    picture(page, "08 trace")


def test_the_link_to_the_trace_leads_there_whatever_the_location_is_called(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, "dagster-webserver", "--module-name", "medcalc_assets.definitions") as ui:
        locations = ui.ask("{repositoriesOrError{... on RepositoryConnection{nodes{location{name}}}}}")
        assert locations["repositoriesOrError"]["nodes"] == [{"location": {"name": "medcalc_assets.definitions"}}]
        page.goto(f"{ui.url}{PLAYGROUND}")
        page.get_by_role("button", name="Launch Run").wait_for()
        assert page.url.endswith("/locations/medcalc_assets.definitions/jobs/trace_label/playground")
