"""A backend may bring probes of its own, and let overlapping commands through in an order of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crm_domain import HARDENED, SEED, Command, CreateRecording, Principal, SyncCrmUser, Update
from crm_domain.command_log import LogLine, id_named
from crm_domain.ids import SERVICE
from crm_domain.testing import AMY, CrmBackend, InTurn, Lines, Probe, Probing, conformance
from crm_domain.testing.comparing.lockstep import Lockstep

OWN: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
SYNCED = LogLine(SERVICE, SyncCrmUser(**OWN))


class Ajar(CrmBackend):
    """The model, with a way in that no command knows, and one that it has not."""

    def probes(self) -> Iterable[Probe]:
        law = "service_passes_policies_not_rules"
        yield Probe(safeguard="definer_safety", law=law, begun=[SYNCED], attempt=self.open)
        yield Probe(safeguard="definer_safety", law=law, begun=[], attempt=lambda: "")
        yield Probe(safeguard="charge_after_write", law=law, begun=[], attempt=self.lacking)

    def open(self) -> str:
        return f"the door was open for {len(self.crm.tables.profiles)}"

    def lacking(self) -> str:
        raise NotImplementedError("no such door")

    def sent(self) -> Sequence[str]:
        return ("push the door",)


def test_a_probe_is_a_finding() -> None:
    """With its law, its safeguard, what was asked before, and what was sent; one that comes to nothing is none."""
    backend = Ajar()
    assert isinstance(backend, Probing)
    report = conformance(backend, walks=1)
    (finding,) = report.findings
    assert (finding.text, finding.missing) == ("the door was open for 1", ("definer_safety",))
    assert finding.laws == {"service_passes_policies_not_rules"}
    assert finding.lines == Lines([SYNCED])
    assert finding.sent == ("push the door",)
    assert report.lacking == ("definer_safety",)


def test_rules_without_the_safeguard_are_not_probed() -> None:
    """What they leave open is no fault."""
    assert conformance(Ajar(lambda: CrmBackend().crm), HARDENED.without("definer_safety"), walks=1).findings == ()
    assert "definer_safety" not in SEED.safeguards


class Backwards(CrmBackend):
    """The model, which lets the last of overlapping commands through first."""

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> InTurn:
        outcomes = super().execute_overlapping(requests[::-1])
        return InTurn(outcomes[::-1], range(len(requests))[::-1])


class Silent(Backwards):
    """One that does not say so."""

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Any:
        return list(super().execute_overlapping(requests))


def test_overlapping_commands_are_asked_in_the_order_that_is_told() -> None:
    """Where the backend says whose turn it was, the model takes the same turns; else there is a difference."""
    one: dict[str, Any] = {"where": {"user_id": AMY.user_id}, "set": {"credits_remaining": 1}}
    lines = Lines(
        [
            SYNCED,
            LogLine(SERVICE, Update(table="profiles", **one)),
            *(
                LogLine(AMY.principal, CreateRecording(id=id_named(f"recording-{n}"), **OWN), concurrent="group-1")
                for n in (1, 2)
            ),
        ]
    )
    assert Lockstep(Backwards()).first(lines) is None
    assert Lockstep(Silent()).first(lines) == len(lines)
