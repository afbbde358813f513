"""The demo's console, on its own port, with a reviewer's account."""

from __future__ import annotations

import re
import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from dockvoice_protocol.errors import Unavailable
from lab.demo.servers import DOCKVOICE, DemoInventory, free_port, is_listening, run_dockvoice, run_process, wait_until

_SIGN_IN = re.compile('name="form" value="([^"]+)"')
"""Matches the form token in the sign-in page, which is posted back."""

_DECIDES = 'id="decision"'  # In a review's page only if the account may decide.

_SHOWN_WITHIN_S = 20.0  # A device publishes a parked entry within a second; the rest allows for a busy machine.

_LOOK_S = 0.2  # How often it is looked whether the page is there.


class DemoConsole:
    """The console of a running inventory; starts in the background while the block lasts."""

    def __init__(self, scratch: Path, inventory: DemoInventory) -> None:
        """`inventory` must run when the block is entered."""
        self.reviewer, self.password = "reviewer", secrets.token_urlsafe(12)
        self._inventory = inventory
        self._log = scratch / "console.log"
        self._port = free_port()
        self._opener = ThreadPoolExecutor(1)
        self._opening: Future[None] = Future()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the console in the background."""
        self._opening = self._opener.submit(self._add_reviewer_and_start)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the console."""
        self._opener.shutdown()
        self._running.close()

    def address(self, path: str) -> str:
        """URL of a path of the console."""
        return f"http://127.0.0.1:{self._port}{path}"

    def check_review_decidable(self, case: str) -> None:
        """Sign in and open a review's page, to check that the reviewer can decide it. Raises Unavailable."""
        self._opening.result()
        page, until = "not asked for", time.monotonic() + _SHOWN_WITHIN_S
        try:
            with httpx.Client(base_url=self.address(""), follow_redirects=True, trust_env=False) as browser:
                form = _SIGN_IN.search(browser.get("/sign-in").text)
                given = {"name": self.reviewer, "password": self.password, "form": form[1] if form else ""}
                answer = browser.post("/sign-in", data={**given, "next": case})
                while _DECIDES not in (page := answer.text) and time.monotonic() < until:
                    time.sleep(_LOOK_S)
                    answer = browser.get(case)
        except httpx.HTTPError as fault:
            raise Unavailable(f"the console: {self.address(case)}: {str(fault) or type(fault).__name__}") from None
        if _DECIDES not in page:
            raise Unavailable(f"the console: {self.address(case)}: {answer.status_code}, and nothing to decide there")

    def _add_reviewer_and_start(self) -> None:
        let_in = ("user", "add", self.reviewer, "--role", "reviewer")
        here = self._inventory.place
        run_dockvoice("console", *here, *let_in, environment=self._inventory.environment, typed=f"{self.password}\n")
        command = [*DOCKVOICE, "console", *here, "--port", str(self._port)]
        settings = {
            **self._inventory.environment,
            "DOCKVOICE_INVENTORY_CONSOLE__HOST": "127.0.0.1",
            "DOCKVOICE_INVENTORY_CONSOLE__KEY": str(self._inventory.private_key),
            "DOCKVOICE_INVENTORY_DOSSIER__KEY": str(self._inventory.private_key),
        }
        process = self._running.enter_context(run_process(command, self._log, settings))
        wait_until(lambda: is_listening(self._port), process, "the console", self._log)
