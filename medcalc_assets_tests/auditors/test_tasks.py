"""What identifies an answer that was paid for. If one of these changes, existing ledgers are asked for everything anew."""

import pytest

from medcalc_assets.auditors.ledger import VoteKey
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.tasks import AUDIT, RELABEL, instance_sha256
from medcalc_assets_tests.auditors.conftest import DERIVATIONS, QUESTIONS


@pytest.mark.parametrize(
    ("task", "instance", "prompt", "instance_hash", "setup", "vote"),
    [
        (
            AUDIT,
            DERIVATIONS[0],
            "85cca89c83e250d4dacbde7c3f82683030525f1e709dd457f13a810cd53d00c9",
            "715ecd30ef287eda2ea2deb039c994de389832475d857e1823d717dfadb64227",
            "eec23673a1a2c82868097db53d3ce52e4a62acc9f83f39a7f81e75a374cfa376",
            "ed9b21f860c622603899dfe4c2d0164947b39f7488816250fbb38e44947402dc",
        ),
        (
            RELABEL,
            QUESTIONS[0],
            "fc019c4bc41d33297732f5a082120f16777c503d6d3e19e0a9c0485208e21bb0",
            "0a6a0476a52373523db722990978bd364739f956a68567a7d45fd76207fc7165",
            "6e311e78c092ed56c2bc503e52da53c7223b6f968b7571fe4a1c475720da172a",
            "76e61a429df133a6c9fe870d957bbaf656dd6bc9345180585431afa083d7dd72",
        ),
    ],
    ids=["audit", "relabel"],
)
def test_an_answer_that_was_paid_for_is_found_again(ledger, task, instance, prompt, instance_hash, setup, vote):
    asked = ModelAuditor("gemini-2.5-pro", ledger).setup(task)
    found = VoteKey(asked, instance_sha256(instance), instance.uid, 3)
    assert (task.prompt_sha256, found.instance, asked.sha256) == (prompt, instance_hash, setup)
    assert (found.sha256, found.request_id) == (vote, vote[:16])
