"""The keywords of opening a model."""

from __future__ import annotations

import pytest

from distilbert.checkpoint.hub import HubOptions
from distilbert.errors import InputError
from distilbert.load_options import LoadOptions, take_load_options


def test_keywords_of_loading_are_taken_and_others_left() -> None:
    given = {"revision": "v1", "from_tf": True, "runtime": "onnx", "num_threads": 2, "top_k": 3}
    options = take_load_options(given)
    assert given == {"top_k": 3}
    assert (options.runtime, options.num_threads, options.hub.revision) == ("onnx", 2, "v1")
    assert options.formats == {"from_tf": True}
    assert take_load_options({}) == LoadOptions()


def test_options_that_only_weights_have_are_named() -> None:
    assert LoadOptions(runtime="onnx", num_threads=1).of_weights() == []
    options = LoadOptions(formats={"from_tf": True}, variant="fp16", allow_untrained=True)
    assert options.of_weights() == ["from_tf", "variant", "allow_untrained"]


def test_what_opens_a_source_is_refused_for_an_object() -> None:
    LoadOptions(hub=HubOptions(revision="v1"), allow_untrained=True).check_unused()
    options = LoadOptions(num_threads=2, formats={"from_tf": True})
    with pytest.raises(InputError, match="`num_threads`, `from_tf` must be left out with a model"):
        options.check_unused()
