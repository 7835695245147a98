"""`MEDCALC_SOURCE=hf` through the real `datasets` and `huggingface_hub`, against a local server that imitates the Hub.

The authors' repository keeps Parquet files and declares its columns in the README; a CSV-backed one is read alike.
"""

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import Source, SourceError
from medcalc_assets.benchmarks.spec import COLUMNS, REPOSITORY, REVISION

ROOT = Path(__file__).parents[1]
ROWS = original_rows()
SPLITS = {"train": ROWS[::2], "test": ROWS[1::2]}
INTEGERS = ("Row Number", "Calculator ID")
README = "\n".join(
    [
        "---",
        "dataset_info:",
        "  features:",
        *(f"  - name: {name}\n    dtype: {'int64' if name in INTEGERS else 'string'}" for name in COLUMNS),
        "  splits:",
        *(f"  - name: {split}\n    num_bytes: 0\n    num_examples: {len(rows)}" for split, rows in SPLITS.items()),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(f"  - split: {split}\n    path: data/{split}-*" for split in SPLITS),
        "---",
    ]
)


def parquet(rows: list[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(rows).select(list(COLUMNS)).write_parquet(file)
    return file.getvalue()


def as_csv(rows: list[dict[str, object]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


LAYOUTS = {
    "parquet": {"README.md": README.encode()}
    | {f"data/{split}-00000-of-00001.parquet": parquet(rows) for split, rows in SPLITS.items()},
    "csv": {f"{split}_data.csv": as_csv(rows) for split, rows in SPLITS.items()},
}


@dataclass
class Hub:
    """A repository at one revision, served as the Hub serves it."""

    files: dict[str, bytes]
    revision: str = REVISION
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        path = unquote(url.path).strip("/")
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(f"{handler.command} /{path}")
        match path.removeprefix("api/").split("/", 5):
            case ["datasets", owner, name, *_] if f"{owner}/{name}" != REPOSITORY:
                self._refuse(handler, "RepoNotFound")
            case ["datasets", _, _, _, revision, *_] if revision != self.revision:
                self._refuse(handler, "RevisionNotFound")
            case ["datasets", _, _, "revision", _] | ["datasets", _, _]:
                self._json(handler, self._info())
            case ["datasets", _, _, "tree", _, *folder]:
                if found := self._below(f"{folder[0]}/" if folder else "", "recursive=true" in url.query.lower()):
                    self._json(handler, found)
                else:
                    self._refuse(handler, "EntryNotFound")
            case ["datasets", _, _, "paths-info", _]:
                self._json(handler, [self._entry(file) for file in parse_qs(body.decode())["paths"] if file in self.files])
            case ["datasets", _, _, "resolve", _, *file] if "/".join(file) in self.files:
                self._file(handler, self.files["/".join(file)])
            case _:
                self._refuse(handler, "EntryNotFound")

    def _info(self) -> dict[str, object]:
        files = [{"rfilename": name} for name in self.files]
        return {"id": REPOSITORY, "sha": self.revision, "siblings": files, "private": False, "gated": False, "tags": []}

    def _entry(self, file: str) -> dict[str, object]:
        return {"type": "file", "path": file, "size": len(self.files[file]), "oid": sha1(self.files[file]).hexdigest()}

    def _below(self, folder: str, recursive: bool) -> list[dict[str, object]]:
        files = [file for file in self.files if file.startswith(folder)]
        if recursive:
            return [self._entry(file) for file in files]
        folders = {folder + rest.split("/")[0] for file in files if "/" in (rest := file.removeprefix(folder))}
        return [{"type": "directory", "path": path, "oid": ""} for path in folders] + [
            self._entry(file) for file in files if "/" not in file.removeprefix(folder)
        ]

    def _json(self, handler: BaseHTTPRequestHandler, answer: object) -> None:
        self._send(handler, 200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _file(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        self._send(handler, 200, content, {"ETag": f'"{sha1(content).hexdigest()}"', "X-Repo-Commit": self.revision})

    def _refuse(self, handler: BaseHTTPRequestHandler, code: str) -> None:
        self._send(handler, 404, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.respond(self)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()


NOBODY = "http://127.0.0.1:9"


def read_both_splits(folder: str) -> None:
    """Both splits as rows of `raw_medcalc`, one Parquet file each; or the error."""
    time.sleep = lambda _seconds: None  # huggingface_hub tries for half a minute
    try:
        for setting, split in (("hf", "test"), ("hf:train", "train")):
            Source(setting).read().instances.write_parquet(f"{folder}/{split}.parquet")
    except SourceError as error:
        print(error, flush=True)
    os._exit(0)  # a reader that datasets leaves behind on an error now and then aborts the interpreter's own exit


def read(cache: Path, endpoint: str, folder: Path, **settings: str) -> str:
    """What `read_both_splits` prints in a process of its own: huggingface_hub reads its settings on import."""
    folder.mkdir(exist_ok=True)
    process = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import *; read_both_splits(sys.argv[1])", folder],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), **settings},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module", params=LAYOUTS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hub, Path, Path]:
    """The Hub after both splits were read from it, the cache, and the folder of what was read."""
    cache, folder = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("read")
    with served(Hub(LAYOUTS[request.param])) as hub:
        assert read(cache, hub.url, folder) == ""
    return hub, cache, folder


@pytest.fixture(scope="module")
def as_text(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Both splits read from local files, in which every cell is text."""
    folder = tmp_path_factory.mktemp("text")
    for split, rows in SPLITS.items():
        (folder / f"{split}.csv").write_bytes(as_csv(rows))
    return {split: Source(str(folder / f"{split}.csv")).read().instances for split in SPLITS}


def test_the_pinned_revision_of_the_release_is_asked_for_and_nothing_else(loaded: tuple[Hub, Path, Path]) -> None:
    asked = [line for line in loaded[0].asked if "datasets" in line]
    assert asked
    assert [line for line in asked if REPOSITORY not in line or REVISION not in line] == []


@pytest.mark.parametrize("split", SPLITS)
def test_every_cell_survives_as_it_was_original(
    loaded: tuple[Hub, Path, Path], as_text: dict[str, pl.DataFrame], split: str
) -> None:
    """Numbers, dates and `('33 weeks', '4 days')`, down to the hash of the row; `hf` is the test split."""
    origin = ("source", "source_version")
    read = pl.read_parquet(loaded[2] / f"{split}.parquet")
    assert read.drop(origin).equals(as_text[split].drop(origin))
    assert read.select(origin).unique().row(0) == ("hf" if split == "test" else "hf:train", f"{REVISION}:{split}")
    assert {"date", "number"} <= set(read["label_kind"])
    assert read["label_text"].str.contains("weeks").any()


def test_what_was_loaded_once_is_there_without_a_network(loaded: tuple[Hub, Path, Path], tmp_path: Path) -> None:
    _, cache, folder = loaded
    assert read(cache, NOBODY, tmp_path, HF_HUB_OFFLINE="1") == ""
    for split in SPLITS:
        assert pl.read_parquet(tmp_path / f"{split}.parquet").equals(pl.read_parquet(folder / f"{split}.parquet"))


REMEDY = "Check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or point MEDCALC_SOURCE at a local file"


def test_no_network_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    said = read(tmp_path / "cache", NOBODY, tmp_path)
    assert f"{REPOSITORY} at revision {REVISION[:7]} could not be loaded" in said
    assert REMEDY in said


def test_being_offline_with_an_empty_cache_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    assert REMEDY in read(tmp_path / "cache", NOBODY, tmp_path, HF_HUB_OFFLINE="1")


BROKEN = {
    "a revision that is gone": Hub(LAYOUTS["parquet"], revision="f" * 40),
    "a repository without files": Hub({"README.md": b"moved"}),
    "a file that is no Parquet": Hub(LAYOUTS["parquet"] | {"data/test-00000-of-00001.parquet": b"no Parquet" * 99}),
    "a file cut in half": Hub(LAYOUTS["csv"] | {"test_data.csv": as_csv(SPLITS["test"])[:40_000]}),
    "another number of rows": Hub(LAYOUTS["parquet"] | {"data/test-00000-of-00001.parquet": parquet(SPLITS["train"][:9])}),
}


@pytest.mark.parametrize("hub", BROKEN.values(), ids=BROKEN)
def test_a_repository_that_is_not_as_pinned_is_an_error_with_the_remedy(hub: Hub, tmp_path: Path) -> None:
    with served(hub):
        said = read(tmp_path / "cache", hub.url, tmp_path)
    assert f"{REPOSITORY} at revision {REVISION[:7]} could not be loaded" in said
    assert REMEDY in said
