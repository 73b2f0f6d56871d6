"""Contract suites: what every implementation of a port has to pass, the fakes included."""

import pytest

# They are no test modules, so pytest would not explain their assertions.
pytest.register_assert_rewrite("tests.contracts.store", "tests.contracts.transport")
