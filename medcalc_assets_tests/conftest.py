"""What the tests share: the real data, and a chain run once on the demo."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real benchmark, which is no part of the project."""
    folder = os.environ.get("MEDCALC_REAL_DATA")
    if not folder:
        pytest.skip("MEDCALC_REAL_DATA does not name the folder with the real data")
    assert (Path(folder) / "medcalc_bench_v1_test.csv").is_file(), f"MEDCALC_REAL_DATA={folder} holds no benchmark"
    return Path(folder)


@pytest.fixture(autouse=True)
def settings_from_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings of whoever runs it, or writes to a warehouse that is in use."""
    for name in ("MEDCALC_SOURCE", "MEDCALC_PUBLISHED", "MEDCALC_AUDITOR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDCALC_HOME", str(tmp_path / "home"))
