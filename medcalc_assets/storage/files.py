"""Files that outlast a kill and a power cut, and folders that one process at a time changes."""

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("Waiting for another process, which holds %s.", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
