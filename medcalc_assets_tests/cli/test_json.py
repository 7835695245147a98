"""What --json writes is what docs/json.md says of it."""

import re
from pathlib import Path

import pytest

from medcalc_assets.calculators import CALCULATORS, KEYS
from medcalc_assets.definitions import assemble
from medcalc_assets_tests.cli import document, medcalc

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"
COMMANDS = {
    "summary": ["summary"],
    "trace": ["trace", "5"],
    "calc": ["calc", "21", "eye=4", "verbal=5", "motor=6"],
    "calculators": ["calculators"],
    "estimate": ["estimate", "--auditor", "gemini-2.5-pro"],
    "diff": ["diff", "v1.0", "1.1.0"],
    "advisories": ["advisories"],
    "verify": ["verify"],
    "status": ["status"],
}


@pytest.fixture(scope="module")
def released(own_demo, release):
    """The home of a demo with a release that its history knows of."""
    assert release(own_demo, "1.1.0").success
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
    assemble(own_demo.settings).resolve_job_def("history").execute_in_process(instance=own_demo.instance, tags=tags)
    return own_demo.settings.home


def documented(command: str) -> list[str]:
    """The keys of a command, in the order of the table below its heading."""
    section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_keys_of_each_document_are_those_that_are_documented(command, released):
    found = document(*COMMANDS[command], MEDCALC_HOME=released)
    assert sorted(found[0] if isinstance(found, list) else found) == sorted(documented(command))


def test_an_answer_of_not_computable_is_no_missing_answer(released):
    """Of label 2 of the summary's relabels: N/A is counted as an answer; of a trace, it is a label and not null."""
    found = document("summary", MEDCALC_HOME=released)
    assert found["relabels"]["na"] == found["likely_errors"]["by_cause"]["incomputable"] > 0
    changes = document("diff", "v1.0", "1.1.0", MEDCALC_HOME=released)["changes"]
    uid = next(row["Row Number"] for row in changes if row["Ground Truth Answer"] == "N/A")
    traced = document("trace", str(uid), MEDCALC_HOME=released)
    assert traced["maintained"] == {"kind": "na", "number": None, "date": None}
    unknown = [row for row in traced["tables"]["relabel_votes"] if row["status"] == "not_cast"]
    assert all(row["answer_kind"] is None for row in unknown)


def test_every_command_that_has_json_is_documented():
    offered = [name for name in COMMANDS if "--json" in medcalc(name, "--help").output]
    assert offered == list(COMMANDS)
    assert len(document("calculators")) == len(CALCULATORS)
