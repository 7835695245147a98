"""Several auditors as a panel."""

import polars as pl
import pytest

from medcalc_assets.labels.families import family
from medcalc_assets.labels.panel import panel_flags, panel_relabels

GEMINI, OTHER_GEMINI, GPT, QWEN = (
    "gemini-2.5-pro",
    "gemini-3.1-pro-preview",
    "openai:gpt-5.2",
    "openai:qwen3-8b@http://127.0.0.1/v1",
)


@pytest.mark.parametrize(
    ("auditor", "of"),
    [
        (GEMINI, "gemini"),
        ("gemini-2.5-pro@my-project/europe-west4", "gemini"),
        ("authors", "gemini"),
        (GPT, "gpt"),
        ("openai:o3", "gpt"),
        ("openai:openai/gpt-oss-120b@https://host/v1", "gpt"),
        (QWEN, "qwen"),
        ("openai:Qwen/QwQ-32B@http://127.0.0.1:8000/v1", "qwen"),
        ("openai:google/medgemma-27b@http://127.0.0.1:8000/v1", "gemini"),
        ("openai:4o", "4o"),
    ],
)
def test_the_family_of_a_model_is_told_by_its_name_wherever_it_is_served(auditor, of):
    assert family(auditor) == of


@pytest.mark.parametrize(
    ("statuses", "decided"),
    [
        ({GEMINI: "likely_error", GPT: "likely_error"}, "likely_error"),
        ({GEMINI: "passed", GPT: "passed", QWEN: "undecided"}, "passed"),
        ({GEMINI: "likely_error", OTHER_GEMINI: "likely_error", GPT: "undecided"}, "undecided"),
        ({GEMINI: "likely_error", GPT: "likely_error", QWEN: "passed"}, "undecided"),
        ({GEMINI: "likely_error", GPT: "not_audited"}, "undecided"),
        ({GEMINI: "not_audited", GPT: "not_audited"}, "not_audited"),
    ],
)
def test_two_families_must_flag_a_label_and_none_pass_it(statuses, decided):
    rows = [
        {"uid": 1, "auditor": auditor, "status": status, "n_votes": 0 if status == "not_audited" else 5, "n_flags": 0}
        for auditor, status in {**statuses, "openai:claude-beside-the-panel": "passed"}.items()
    ]
    found = panel_flags(pl.DataFrame(rows), [*statuses]).row(0, named=True)
    assert (found["auditor"], found["status"]) == ("panel", decided)
    assert found["n_votes"] == sum(row["n_votes"] for row in rows[:-1])


@pytest.mark.parametrize(
    ("answers", "decided"),
    [
        ({GEMINI: 11.0, GPT: 11.0}, 11.0),
        ({GEMINI: 11.004, GPT: 11.0, QWEN: None}, 11.0),
        ({GEMINI: 11.0, OTHER_GEMINI: 11.0, GPT: None}, None),
        ({GEMINI: 11.0, GPT: 12.0}, None),
        ({GEMINI: 11.0, GPT: 11.0, QWEN: 12.0}, None),
        ({GEMINI: "N/A", GPT: "N/A"}, "N/A"),
        ({GEMINI: "N/A", GPT: 0.0}, None),
    ],
)
def test_a_relabel_of_the_panel_needs_two_families_and_no_other_value(answers, decided):
    rows = [
        {
            "uid": 1,
            "auditor": auditor,
            "status": "deferred" if answer is None else "high_confidence",
            "n_votes": 5,
            "n_agree": 4,
            "relabel_kind": None if answer is None else "na" if answer == "N/A" else "number",
            "relabel_number": answer if isinstance(answer, float) else None,
            "relabel_date": None,
        }
        for auditor, answer in answers.items()
    ]
    found = panel_relabels(pl.DataFrame(rows, schema_overrides={"relabel_number": pl.Float64}), [*answers]).row(
        0, named=True
    )
    assert found["status"] == ("deferred" if decided is None else "high_confidence")
    assert (found["relabel_kind"], found["relabel_number"]) == {None: (None, None), "N/A": ("na", None)}.get(
        decided, ("number", decided)
    )
