"""Provenance: what a conversation was made of, so that an edit is known to touch it or not."""

from collections.abc import Iterable

from workbench.conversation import Label
from workbench.domain import Domain


def list_used(labels: Iterable[Label], domain: Domain) -> dict[str, str]:
    """Content hashes of the nodes, routes, facts and the agent's prompt that labels rest on."""
    used = {"prompt.agent_system"}
    for label in labels:
        used |= {part for step in label.steps for part in (step, step.split(".")[0])}
        used |= {f"fact.{fact}" for fact in label.facts if "." not in fact}
        used |= {f"offer.{fact.split('.')[0]}" for fact in label.facts if "." in fact}
    return {name: domain.hashes[name] for name in sorted(used) if name in domain.hashes}
