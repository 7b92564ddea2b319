"""The command ``crm-domain rules``."""

from __future__ import annotations

from typing import Any, Final

import attrs
import click

from crm_domain import SAFEGUARDS, Rules
from crm_domain.errors import REFUSALS
from crm_domain.laws import LAWS

from ..options import rules_option
from ..printing import meaning_of, print_json, table

_COMPARISON: Final = "Comparison: Regular Users vs CRM Users"


@click.command(short_help="Show the rules, the safeguards and the laws.")
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def rules(*, rules: Rules, as_json: bool) -> None:
    """Show the rules, each with the section of the document that it comes from.

    That is: what credits there are, which safeguard closes which hole and whether it is on, why
    something can be refused, and which laws always hold when all safeguards are on.

    \b
    Examples:
      crm-domain rules
      crm-domain rules --rules seed,+owner_pair
      crm-domain rules --json
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    if as_json:
        print_json(_plain(rules))
    else:
        click.echo("\n\n".join((_credits(rules), _safeguards(rules), _refusals(), _laws())))


def _plain(rules: Rules) -> dict[str, Any]:
    credits_ = attrs.asdict(rules.credit_policy) | {"price": str(rules.credit_policy.price)}
    return {
        "rules": str(rules),
        "credits": credits_,
        "safeguards": [attrs.asdict(s) | {"on": getattr(rules, s.name)} for s in SAFEGUARDS.values()],
        "refusals": [
            {"code": code, "sqlstate": kind.sqlstate, "meaning": meaning_of(kind)} for code, kind in REFUSALS.items()
        ],
        "laws": [{n: getattr(law, n) for n in ("number", "name", "statement", "section")} for law in LAWS],
    }


def _credits(rules: Rules) -> str:
    policy = rules.credit_policy
    rows = [
        (policy.initial_credits, "for a CRM user, once", _COMPARISON),
        (policy.regular_initial_credits, "for a regular user", _COMPARISON),
        (policy.credits_per_payment, f"for a payment of ${policy.price}", _COMPARISON),
        (-1, "for a recording", "Credit Consumption"),
        (int(policy.refund_failed_recordings), "for a recording that failed", "Credit Consumption"),
    ]
    return "Credits\n" + table(("", "for what", "section"), rows)


def _safeguards(rules: Rules) -> str:
    rows = [
        (
            "on" if getattr(rules, safeguard.name) else "off",
            f"{safeguard.name}\n({safeguard.section})\nkeeps: {safeguard.law or 'what only a database shows'}",
            f"{safeguard.hole}\n-> {safeguard.closes}",
        )
        for safeguard in SAFEGUARDS.values()
    ]
    headers = ("", "safeguard (section), the law it keeps", "the hole -> what closes it")
    return f"Safeguards, as in: {rules}\n" + table(headers, rows)


def _refusals() -> str:
    rows = [(kind.sqlstate, code, meaning_of(kind)) for code, kind in REFUSALS.items()]
    return "Refusals; the first that applies is given\n" + table(("SQLSTATE", "kind", "when"), rows)


def _laws() -> str:
    rows = [(law.number, f"{law.name}\n({law.section})", law.statement) for law in LAWS]
    return "Laws\n" + table(("", "law (section)", "what holds"), rows)
