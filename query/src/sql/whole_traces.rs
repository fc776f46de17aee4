//! Groups the spans of a trace while they come.
//!
//! `span_tree` gives the spans of a trace together, all in one partition, but a statement that groups by trace is planned as over any
//! other table:
//!
//! ```text
//!  planned     group what each partition has ─▶ deal the groups out by hash ─▶ group again       two entries for each trace, to the end
//!  rewritten   group a partition, and give a trace out when the next one begins                  one trace at a time
//! ```
//!
//! A plan is rewritten only where nothing above minds which partition a group is in. DataFusion knows no "together", so the scan says
//! that it is in the order of trace ids, which is more than it is: nothing but the grouping, which compares neighbours, may come to
//! see that. For this reason the rule has to be the last one that looks at orders.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode};

use super::tables::traces_together;

type Plan = Arc<dyn ExecutionPlan>;

/// Groups traces one by one where that is possible.
#[derive(Debug)]
pub(super) struct GroupWholeTraces;

impl PhysicalOptimizerRule for GroupWholeTraces {
    fn optimize(&self, plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
        rewritten(plan, false)
    }

    fn name(&self) -> &'static str {
        "group_whole_traces"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` with its groupings rewritten; `placed` where something above it minds in which partition a row is.
fn rewritten(plan: Plan, placed: bool) -> Result<Plan> {
    if !placed && let Some(grouped) = one_by_one(&plan)? {
        return Ok(grouped);
    }
    let placed = minds_places(&plan, placed);
    let children = plan.children().into_iter().map(Arc::clone);
    let children: Vec<Plan> = children
        .map(|child| rewritten(child, placed))
        .collect::<Result<_>>()?;
    replace_children_if_necessary(plan, children)
}

/// True when it matters to `plan`, or to what is above it, in which partition the rows of its inputs are.
fn minds_places(plan: &Plan, placed: bool) -> bool {
    let deals_out = plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<AnalyzeExec>()
        || plan.is::<SortPreservingMergeExec>();
    !deals_out && (placed || !keeps_rows(plan) && !plan.is::<SortExec>() && !is_limit(plan))
}

fn is_limit(plan: &Plan) -> bool {
    plan.is::<LocalLimitExec>() || plan.is::<GlobalLimitExec>()
}

/// True for what passes rows on where and in the order in which they come.
fn keeps_rows(plan: &Plan) -> bool {
    plan.is::<FilterExec>() || plan.is::<ProjectionExec>() || plan.is::<CooperativeExec>()
}

/// The grouping `plan` as one that gives out a trace when the next one begins; `None` for anything else.
fn one_by_one(plan: &Plan) -> Result<Option<Plan>> {
    let Some(first) = first_grouping(plan) else {
        return Ok(None);
    };
    if !first.group_expr().is_single() || first.limit_options().is_some() {
        return Ok(None);
    }
    let Some(input) = together(first.input())? else {
        return Ok(None);
    };
    let mode = match input.output_partitioning().partition_count() {
        1 => AggregateMode::Single,
        _ => AggregateMode::SinglePartitioned,
    };
    let schema = input.schema();
    let grouped = AggregateExec::try_new(
        mode,
        first.group_expr().clone(),
        first.aggr_expr().to_vec(),
        first.filter_expr().to_vec(),
        input,
        schema,
    )?;
    let fits =
        *grouped.input_order_mode() != InputOrderMode::Linear && grouped.schema() == plan.schema();
    Ok(fits.then(|| Arc::new(grouped) as Plan))
}

/// The first of the two steps of the grouping `plan`, or `plan` where it is one step.
fn first_grouping(plan: &Plan) -> Option<&AggregateExec> {
    let last = plan.downcast_ref::<AggregateExec>()?;
    match last.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => Some(last),
        AggregateMode::FinalPartitioned => {
            let dealt_out = last.input().downcast_ref::<RepartitionExec>()?;
            let first = dealt_out.input().downcast_ref::<AggregateExec>()?;
            (*first.mode() == AggregateMode::Partial).then_some(first)
        }
        _ => None,
    }
}

/// `plan` over a scan that says that traces come together; `None` where they do not.
fn together(plan: &Plan) -> Result<Option<Plan>> {
    if keeps_rows(plan)
        && let [child] = plan.children()[..]
    {
        let child = together(child)?;
        return child
            .map(|child| replace_children_if_necessary(Arc::clone(plan), vec![child]))
            .transpose();
    }
    Ok(traces_together(plan))
}
