import pytest

# It is no test module, so pytest would not explain its assertions.
pytest.register_assert_rewrite("tests.properties.nursery")
