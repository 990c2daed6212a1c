"""The asset `proposal`: one partition for each data source that a pull request changes, at each of its heads.

The same work as that of `source`, on smaller budgets, in a place of its own: nothing that is published is touched.
"""

# Annotations are not postponed here: Dagster reads those of resources as they are.
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    DynamicPartitionsDefinition,
    MaterializeResult,
    ResourceParam,
    asset,
)

from .. import __version__
from ..orchestration.proposals import for_proposals
from ..orchestration.tags import PROPOSALS
from ..orchestration.workplace import Workplace
from .checks import check_specs
from .source import run_of

PROPOSAL = AssetKey("proposal")

proposals = DynamicPartitionsDefinition(name=PROPOSALS)


@asset(
    key=PROPOSAL,
    partitions_def=proposals,
    check_specs=check_specs(PROPOSAL, proposals),
    code_version=__version__,
    group_name="github",
    kinds={"python", "github"},
    owners=["team:openaddresses"],
    output_required=False,
    description=(
        "One data source as a pull request proposes it, `{pull request}/{head}/{data source}`. "
        "Its results lie below pr/, and nothing that is published comes of them before the merge."
    ),
)
def proposal(
    context: AssetExecutionContext, workplace: ResourceParam[Workplace]
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """Carries out one run of the proposed data source that the partition key names."""
    yield from run_of(context, for_proposals(workplace))
