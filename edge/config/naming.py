"""How a site, a device or a form is named in the settings."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def _topic_level(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise ValueError("letters, digits, - and _ are allowed, a letter or digit first, 63 at most")
    return name


Name = Annotated[str, AfterValidator(_topic_level)]
"""A site, device or client name: it becomes an MQTT topic level, so neither `/`, `+` nor `#`."""
