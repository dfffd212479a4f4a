"""The fixture `leg`: every test of the suite runs once per framework."""

from __future__ import annotations

import pytest
from contract.legs import LEGS, Leg, leg as leg_named


@pytest.fixture(params=LEGS, scope="session")
def leg(request: pytest.FixtureRequest) -> Leg:
    return leg_named(request.param)
