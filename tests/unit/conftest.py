"""Fixtures of more than one module."""

from tests.calendars import weeks_world  # noqa: F401
from tests.cli_cases import folder  # noqa: F401
from tests.engine_hosts import host, observed  # noqa: F401
from tests.records import records_world  # noqa: F401
from tests.training_fixtures import alone, incident, prepared, session, wall  # noqa: F401
