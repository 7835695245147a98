"""Two families vote on real instances, in all three tasks, against servers on this machine: the panel decides, and the trace
of a contested label names what its readers find otherwise in the note.

The servers answer as the paper's auditor did and read the benchmark's entities, but where the note gives another number.
"""

import json

import polars as pl
import pytest

from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.derivation import checked
from medcalc_assets.labels.value import as_text, columns
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.reports.cause import cause
from medcalc_assets.reports.trace import rows_of, trace
from medcalc_assets_tests.gemini_server import Ask
from medcalc_assets_tests.openai_server import OpenAIServer

pytestmark = pytest.mark.real_data
CHOSEN = ["creatinine_clearance", "apache_ii", "ldl_calculated"]


def as_read(row: dict, findings: list[dict]) -> dict:
    """By input its value and unit: of the entities, or of the note where it gives another number or none."""
    entities = json.loads(row["entities"])
    read = {name: tuple(raw) if isinstance(raw, list) and len(raw) == 2 else raw for name, raw in entities.items()}
    for each in findings:
        if each["kind"] == "another_number":
            number, _, unit = each["found"].partition(" ")
            read[each["entity"]] = float(number), unit or None
        elif each["kind"] == "absent":
            read[each["entity"]] = None
    return read


@pytest.fixture(scope="module")
def known(real_data):
    """By note and question: the authors' relabel, and what the note says of each input."""
    instances = Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances
    relabels = AuthorsFiles(real_data / "published").relabels(instances, KEYS)
    found: dict[int, list[dict]] = {}
    of_chosen = instances.filter(pl.col("calculator").is_in(CHOSEN))
    for part in of_chosen.partition_by("calculator"):
        for row in checked(part).iter_rows(named=True):
            found.setdefault(row["uid"], []).append(row)
    rows = instances.join(relabels.select("uid", as_text("relabel").alias("relabel")), on="uid").to_dicts()
    return {(row["note"], row["question"]): (row["relabel"], as_read(row, found.get(row["uid"], []))) for row in rows}


def test_two_families_in_three_tasks_decide_together_and_the_trace_names_what_was_read_otherwise(
    start_chain, gemini, real_data, known
):
    def answer(ask: Ask) -> dict:
        relabel, _ = known[ask.fields["note"], ask.fields["question"]]
        if ask.task == "audit":
            return {"verdict": "passed", "error_type": None}
        return {"answer": int(ask.request_id[:6], 16) if relabel is None else relabel}

    def reads(ask: Ask) -> dict:
        return known[ask.fields["note"], ask.fields["question"]][1]

    with OpenAIServer(models=["qwen3-8b"], answer=answer, reads=reads) as qwen:
        gemini.answer, gemini.reads = answer, reads
        files = str(real_data / "medcalc_bench_v1_test.csv"), str(real_data / "published")
        chain = start_chain(*files, f"gemini-2.5-pro,openai:qwen3-8b@{qwen.url}/v1")
        for key in CHOSEN:
            chain.run([key])
    assert [check.check_name for check in chain.checks if not check.passed] == []

    evidence = chain.read("label_evidence")
    asked = set(evidence.filter(pl.col("likely_error") | (pl.col("relabel_status") == "deferred"))["uid"])
    votes, agreed = chain.read("input_votes"), chain.read("input_consensus")
    assert set(votes["uid"]) == asked, "contested and deferred labels, and no other"
    assert set(agreed["auditor"]) == {*chain.settings.voters, "panel"}
    by_panel = agreed.filter(auditor="panel")
    first = agreed.filter(auditor="gemini-2.5-pro").select("uid", *columns("computed"))
    assert by_panel.select("uid", *columns("computed")).sort("uid").equals(first.sort("uid")), "both read the same"
    kinds = dict(by_panel["status"].value_counts().iter_rows())
    print(f"{by_panel.height} labels read by both families: {kinds}")
    assert kinds["computed"] + kinds["not_computable"] == by_panel.height
    assert set(chain.read("auditor_drift")["auditor"]) >= set(chain.settings.voters)
    assert {"audit", "relabel"} <= set(chain.read("effective_votes")["phase"])

    otherwise = evidence.filter(pl.col("inputs_told").str.contains("the benchmark has") & pl.col("likely_error"))
    uid = otherwise.filter(calculator="apache_ii")["uid"].min()
    rows = rows_of(chain.settings.warehouse, uid)
    (row,) = (each for each in rows["input_consensus"] if each["auditor"] == "gemini-2.5-pro")
    differing = [each for each in json.loads(row["inputs"]) if each["differs"]]
    story = trace(rows, [])
    for each in differing:
        assert f"| {each['input']} (differs) | {each['read']} | 4 of 4 |" in story.replace("\\", "")
    told = cause(rows)
    assert "4 of 4 blind readers" in told
    assert differing[0]["input"] in told
    assert f"the benchmark has {differing[0]['given']}" in told
    for number in (3, 522, 868):
        print(number, cause(rows_of(chain.settings.warehouse, number)))
