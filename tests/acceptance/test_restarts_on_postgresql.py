"""More of the same on PostgreSQL: tests that start servers of their own, which takes long."""

import pytest

from acceptance.test_on_postgresql import start as start
from acceptance.test_operating import (
    test_a_notification_is_tried_again as test_a_notification_is_tried_again,
)
from acceptance.test_operating import (
    test_sigterm_lets_a_running_message_finish as test_sigterm_lets_a_running_message_finish,
)
from acceptance.test_operating import (
    test_what_was_not_delivered_goes_out_after_the_next_start as test_what_was_not_delivered_goes_out_after_the_next_start,  # noqa: E501
)

pytestmark = pytest.mark.slow
