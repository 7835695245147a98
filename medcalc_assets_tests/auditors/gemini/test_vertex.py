"""Gemini of Vertex AI: by project and location, with the default credentials of Google Cloud, without a key."""

from dataclasses import replace

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials

from medcalc_assets.auditors.gemini.client import GeminiError
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets_tests.auditors.conftest import QUESTIONS, ballots, phase

NAME = "gemini-2.5-pro@my-project/europe-west4"


@pytest.fixture
def vertex(gemini, auditor, undisturbed, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", gemini.url)
    login = Credentials(token="a-token-of-the-cloud")
    monkeypatch.setattr(google.auth, "default", lambda scopes: (login, "another-project"))
    return replace(auditor, name=NAME)


@pytest.mark.parametrize("task", [AUDIT, RELABEL], ids=lambda task: task.name)
def test_the_default_credentials_serve_gemini_without_a_key(gemini, vertex, ledger, undisturbed, task):
    gemini.keys.clear()
    gemini.fault = lambda ask: "503" if ask.nth == 0 and int(ask.request_id, 16) % 4 == 0 else None
    votes = phase(vertex, task)
    assert sorted({vote.status for vote in votes}) == ["not_cast", "ok"]
    assert {vote.model_version for vote in votes if vote.calls} == {"gemini-2.5-pro"}
    assert (gemini.keys, "Bearer a-token-of-the-cloud" in gemini.tokens) == ({""}, True)
    assert [setup.auditor for setup in ledger.setups(task.name)] == [NAME]
    asked = len(gemini.asked)
    assert ballots(phase(vertex, task)) == ballots(votes)
    assert len(gemini.asked) == asked


@pytest.mark.parametrize(
    "place", ["", "my-project", "my-project/", "/europe-west4", "My Project/europe-west4", "http://host"]
)
def test_a_name_without_project_and_location_is_refused(vertex, place):
    with pytest.raises(GeminiError, match=r"names no place of Vertex AI: write gemini-2\.5-pro@my-project/europe-west4"):
        list(replace(vertex, name=f"gemini-2.5-pro@{place}").relabel(QUESTIONS[:1]))


def test_without_credentials_the_remedy_is_named(vertex, monkeypatch):
    def none(scopes):
        raise DefaultCredentialsError("none were found")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(GeminiError, match=r"none were found\. Run `gcloud auth application-default login`"):
        list(vertex.relabel(QUESTIONS[:1]))


def test_there_are_no_batch_jobs(vertex):
    with pytest.raises(AuditorError, match=r"There are no batch jobs for gemini-2\.5-pro@my-project/europe-west4"):
        list(replace(vertex, mode="batch").relabel(QUESTIONS[:1]))
