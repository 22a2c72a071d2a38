"""What customers of a domain have on record, turn by turn, without a word being said."""

from contextlib import suppress

from workbench.synthesize.behaviours import walk_plan
from workbench.synthesize.scenarios import ScenarioError, plan_scenario


def plan_customers(domain, paths):
    """What is on record after each turn of a plain or a difficult customer for each path."""
    for i, path in enumerate(paths):
        record, stratum = domain.open_record(), ("plain", "difficult")[i % 2]
        with suppress(ScenarioError):
            scenario = plan_scenario(path, "train", domain, 7, i, stratum)
            for turn in walk_plan(scenario.plan, domain).turns:
                record.hear(turn.acts)
                yield dict(record.given)
