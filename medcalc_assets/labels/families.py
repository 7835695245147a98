"""Families of models: those of one err together, so that a panel needs two."""

import re

PANEL = "panel"
FAMILIES = 2
"""So many families must decide alike, and none otherwise."""
KINDRED = {
    "google": "gemini",
    "openai": "gpt",
    "authors": "gemini",  # the relabels of arXiv:2512.19691 are votes of Gemini 2.5 Pro
    **dict.fromkeys(("gemma", "medgemma"), "gemini"),
    **dict.fromkeys(("o", "chatgpt", "codex"), "gpt"),
    **dict.fromkeys(("codestral", "magistral", "ministral", "mixtral"), "mistral"),
    **dict.fromkeys(("qwq", "qvq"), "qwen"),
}
"""Families that go by another name, too."""


def family(auditor: str) -> str:
    """The family of a model, by how its name begins: provider, address and whoever published the weights do not count.

    >>> family("gemini-2.5-pro"), family("openai:gpt-5.2"), family("openai:Qwen/Qwen3-8B@http://127.0.0.1:8000/v1")
    ('gemini', 'gpt', 'qwen')
    """
    model = auditor.removeprefix("openai:").partition("@")[0].rpartition("/")[2].lower()
    begins = re.match(r"[a-z]+", model)
    return KINDRED.get(begins[0], begins[0]) if begins else model
