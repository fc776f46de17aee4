//! Order and structure of a trace's spans: who stands under whom.
//!
//! The rule, for the spans of one trace:
//! - a span stands under the span whose id is its parent id;
//! - where a caller (client or producer) and a callee (server or consumer) share an id, as Zipkin's two halves of one call do, the
//!   callees stand under the earliest caller, and children of that id under the earliest callee;
//! - where others share an id, its children stand under the earliest of them;
//! - a span whose parent is missing (an orphan) is a root;
//! - a cycle is cut above its earliest span, which becomes a root;
//! - roots and the children of one span are ordered by start.
//!
//! Rows come out depth first, so that a subtree is a run of rows. "Earliest" goes by start as sent (unsigned), then by id, then by
//! place in the input. Any input gives every row exactly once; nothing recurses. Cost is O(n log n) time and some 80 bytes a span.

use crate::ids::SpanId;

/// What a span's kind says about the two halves of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Client or producer.
    Caller,
    /// Server or consumer.
    Callee,
    /// Any other kind.
    Other,
}

impl Role {
    /// The role of a span whose column `kind` says `kind`.
    #[must_use]
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "client" | "producer" => Self::Caller,
            "server" | "consumer" => Self::Callee,
            _ => Self::Other,
        }
    }
}

/// What the tree needs to know of a span.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Id.
    pub id: SpanId,
    /// Id of the parent.
    pub parent: Option<SpanId>,
    /// Start as sent, ns since the epoch.
    pub start_unix_nano: u64,
    /// Side of a call.
    pub role: Role,
}

/// A span's place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRow {
    /// Place of the span in the input.
    pub node: u32,
    /// Row of the parent, before this one; `None` for a root.
    pub parent: Option<u32>,
    /// Steps down from the root.
    pub depth: u32,
    /// Rows of the subtree, this one included; they follow each other.
    pub subtree_size: u32,
    /// A root that names a parent, but no span has its id.
    pub orphan: bool,
}

/// The rows of the tree of `nodes`, depth first.
///
/// # Panics
/// When there are 2^32 nodes or more.
#[must_use]
pub fn build(nodes: &[Node]) -> Vec<TreeRow> {
    assert!(
        u32::try_from(nodes.len()).is_ok_and(|count| count < NONE),
        "rows are numbered with 32 bits"
    );
    let mut by_start: Vec<u32> = (0..nodes.len() as u32).collect();
    by_start.sort_unstable_by_key(|node| earliness(nodes, *node));
    let mut links = Links::find(nodes);
    links.cut_cycles(nodes, &by_start);
    let children = Children::of(&links.parents, &by_start);
    rows(&links, &children)
}

/// Sorts the earlier node first.
fn earliness(nodes: &[Node], node: u32) -> (u64, SpanId, u32) {
    let span = &nodes[node as usize];
    (span.start_unix_nano, span.id, node)
}

const NONE: u32 = u32::MAX;

/// The parent of each node, `NONE` for a root.
struct Links {
    parents: Vec<u32>,
    /// A parent is named, but no node has its id.
    missing: Vec<bool>,
}

impl Links {
    fn find(nodes: &[Node]) -> Self {
        let holders = Holder::find(nodes);
        let holder_of = |id: SpanId| {
            let place = holders.binary_search_by_key(&id, |holder| holder.id);
            place.ok().map(|place| &holders[place])
        };
        let mut parents = vec![NONE; nodes.len()];
        let mut missing = vec![false; nodes.len()];
        for (node, span) in nodes.iter().enumerate() {
            if let Some(parent) = span.parent {
                let holder = holder_of(parent);
                parents[node] = holder.map_or(NONE, |holder| holder.parent);
                missing[node] = holder.is_none();
            }
            if span.role == Role::Callee {
                let caller = holder_of(span.id).map_or(NONE, |holder| holder.caller);
                parents[node] = if caller == NONE {
                    parents[node]
                } else {
                    caller
                };
            }
        }
        Self { parents, missing }
    }

    /// Makes the earliest node of every cycle a root.
    fn cut_cycles(&mut self, nodes: &[Node], by_start: &[u32]) {
        // The number of the walk that has been at the node; walks end at a root, at a node seen before, or in a cycle.
        let mut walks = vec![NONE; nodes.len()];
        for (walk, start) in by_start.iter().enumerate() {
            let mut node = *start;
            while node != NONE && walks[node as usize] == NONE {
                walks[node as usize] = walk as u32;
                node = self.parents[node as usize];
            }
            if node != NONE && walks[node as usize] == walk as u32 {
                let earliest = self.earliest_of_cycle(nodes, node);
                self.parents[earliest as usize] = NONE;
            }
        }
    }

    fn earliest_of_cycle(&self, nodes: &[Node], start: u32) -> u32 {
        let (mut earliest, mut node) = (start, self.parents[start as usize]);
        while node != start && node != NONE {
            if earliness(nodes, node) < earliness(nodes, earliest) {
                earliest = node;
            }
            node = self.parents[node as usize];
        }
        earliest
    }
}

/// Who holds an id.
struct Holder {
    id: SpanId,
    /// Earliest caller where there is a callee too, else `NONE`.
    caller: u32,
    /// Whom the children of the id stand under.
    parent: u32,
}

impl Holder {
    /// The holders of all ids, sorted by id.
    fn find(nodes: &[Node]) -> Vec<Self> {
        let mut by_id: Vec<u32> = (0..nodes.len() as u32).collect();
        by_id.sort_unstable_by_key(|node| (nodes[*node as usize].id, earliness(nodes, *node)));
        let runs =
            by_id.chunk_by(|left, right| nodes[*left as usize].id == nodes[*right as usize].id);
        runs.map(|run| {
            let first = |role| {
                run.iter()
                    .copied()
                    .find(|node| nodes[*node as usize].role == role)
            };
            let id = nodes[run[0] as usize].id;
            match (first(Role::Caller), first(Role::Callee)) {
                (Some(caller), Some(parent)) => Self { id, caller, parent },
                _ => Self {
                    id,
                    caller: NONE,
                    parent: run[0],
                },
            }
        })
        .collect()
    }
}

/// The children of each node, and the roots, earliest first.
struct Children {
    /// Where the children of each node begin in `nodes`; the roots come last.
    starts: Vec<u32>,
    nodes: Vec<u32>,
}

impl Children {
    fn of(parents: &[u32], by_start: &[u32]) -> Self {
        let place_of = |parent: u32| {
            if parent == NONE {
                parents.len()
            } else {
                parent as usize
            }
        };
        let mut starts = vec![0u32; parents.len() + 2];
        for parent in parents {
            starts[place_of(*parent) + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut nodes = vec![0u32; parents.len()];
        for node in by_start {
            let place = &mut next[place_of(parents[*node as usize])];
            nodes[*place as usize] = *node;
            *place += 1;
        }
        Self { starts, nodes }
    }

    fn get(&self, place: usize) -> &[u32] {
        &self.nodes[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

fn rows(links: &Links, children: &Children) -> Vec<TreeRow> {
    let count = links.parents.len();
    let mut rows: Vec<TreeRow> = Vec::with_capacity(count);
    // Nodes yet to come, next one last, each with the row of its parent.
    let mut stack: Vec<(u32, u32)> = children
        .get(count)
        .iter()
        .rev()
        .map(|root| (*root, NONE))
        .collect();
    while let Some((node, parent)) = stack.pop() {
        let row = rows.len() as u32;
        rows.push(TreeRow {
            node,
            parent: (parent != NONE).then_some(parent),
            depth: if parent == NONE {
                0
            } else {
                rows[parent as usize].depth + 1
            },
            subtree_size: 1,
            orphan: parent == NONE && links.missing[node as usize],
        });
        stack.extend(
            children
                .get(node as usize)
                .iter()
                .rev()
                .map(|child| (*child, row)),
        );
    }
    for row in (0..rows.len()).rev() {
        if let Some(parent) = rows[row].parent {
            rows[parent as usize].subtree_size += rows[row].subtree_size;
        }
    }
    rows
}

#[cfg(test)]
mod tests;
