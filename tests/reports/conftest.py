"""Property tests have no deadline for a single example: other work on the machine must not fail them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady-reports", parent=settings(), deadline=None)
settings.load_profile("steady-reports")
