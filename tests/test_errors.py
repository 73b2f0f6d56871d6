from __future__ import annotations

import pytest

from supervisor.errors import ActorCrashed, RestartIntensityExceeded, StartError
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown

BUG = ValueError("bug")


@pytest.mark.parametrize(
    ("reason", "cause"), [(Failed(BUG), BUG), (Killed(), None), (Normal(), None), (Shutdown("enough"), None)], ids=str
)
def test_an_error_about_the_end_of_a_life_has_the_lifes_own_error_as_its_cause(
    reason: ExitReason, cause: BaseException | None
) -> None:
    for error in (
        StartError("top/a", reason),
        ActorCrashed("top/a", reason),
        RestartIntensityExceeded("top", "a", reason),
    ):
        assert (error.reason, error.__cause__) == (reason, cause)
