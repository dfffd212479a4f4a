"""Options that verbs share."""

from __future__ import annotations

from distilbert.checkpoint.hub import HubOptions
from distilbert.cli.options import hub_options


def test_only_what_was_given_becomes_a_keyword_the_hub_knows():
    assert hub_options(None, None, None, False) == {}
    given = hub_options("main", "secret", "/cache", True)
    assert HubOptions(**given) == HubOptions(
        revision="main", token="secret", cache_dir="/cache", local_files_only=True
    )
