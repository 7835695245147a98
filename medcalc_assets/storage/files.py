"""Files that outlast a kill and a power cut, and folders that one process at a time changes."""

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 16_000_000
"""Bytes of the longest text that is kept, in a cell of a table or as an answer: what is longer is no data of ours."""

log = logging.getLogger(__name__)


def write_durably(path: Path, content: bytes) -> None:
    """Put the file there whole. Whenever it is cut short, the file is as before or as asked; on return it is on the disk.

    Only the user can read it. Raises OSError; then the file is as before.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    for folder in (path.parent, *(each.parent for each in new)):
        flush(folder)


def make_home(home: Path) -> None:
    """Make the folder, if there is none, so that only its owner can look into it. Raises OSError."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)


def flush(path: Path) -> None:
    """Bring a file's content, or a folder's names, from the system's memory to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process holds this lock file, and hold it. The system frees it when its holder ends, however."""
    make_home(path.parent)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            log.warning("Waiting for process %s, which holds %s.", file.read() or "(unknown)", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
