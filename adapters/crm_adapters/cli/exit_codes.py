"""With which number does the command end? With 0 if all is well, click's 1 or 2 if it could not be done, else as here."""

from __future__ import annotations

from typing import Final

EXIT_BROKEN: Final = 1
"""What was examined is broken."""

EXIT_NOT_TRIED: Final = 3
"""Nothing is broken that was tried, and not everything was (``check --strict``)."""

EXIT_BUG: Final = 70
"""crm-domain itself made a mistake (``EX_SOFTWARE`` of sysexits.h)."""

EXIT_INTERRUPTED: Final = 130
"""Ctrl-C: 128 and the number of SIGINT."""

EXIT_BROKEN_PIPE: Final = 141
"""No one reads the output any more: 128 and the number of SIGPIPE."""
