"""What the actors' errors say to people."""

from __future__ import annotations

import pytest

from actors.errors import RecordingError


@pytest.mark.parametrize(
    ("skipped", "words"),
    [(0, "no frame"), (1, "no frame (1 line skipped before)"), (2, "no frame (2 lines skipped before)")],
)
def test_the_lines_that_were_skipped_are_counted_in_words_that_agree(skipped: int, words: str) -> None:
    assert str(RecordingError("a.txt", 7, "no frame", skipped)) == f"cannot read the recording a.txt, line 7: {words}"
