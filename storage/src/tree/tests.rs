use proptest::prelude::*;

use super::*;

fn node(id: u8, parent: Option<u8>, start_unix_nano: u64, role: Role) -> Node {
    Node {
        id: SpanId([id; 8]),
        parent: parent.map(|id| SpanId([id; 8])),
        start_unix_nano,
        role,
    }
}

fn other(id: u8, parent: impl Into<Option<u8>>, start: u64) -> Node {
    node(id, parent.into(), start, Role::Other)
}

/// One line a row: the node, indented by its depth, with a mark for an orphan.
fn drawing(nodes: &[Node]) -> Vec<String> {
    let draw = |row: TreeRow| {
        format!(
            "{}{}{}",
            "-".repeat(row.depth as usize),
            row.node,
            if row.orphan { "?" } else { "" }
        )
    };
    build(nodes).into_iter().map(draw).collect()
}

#[test]
fn no_span_is_no_row() {
    assert_eq!(build(&[]), []);
}

#[test]
fn children_follow_their_parent_by_start() {
    let nodes = [
        other(1, None, 0),
        other(2, 1, 30),
        other(3, 1, 20),
        other(4, 3, 25),
        other(5, 2, 1),
    ];
    assert_eq!(drawing(&nodes), ["0", "-2", "--3", "-1", "--4"]);
    let rows = build(&nodes);
    assert_eq!(
        rows.iter().map(|row| row.subtree_size).collect::<Vec<_>>(),
        [5, 2, 1, 2, 1]
    );
    assert_eq!(
        rows.iter().map(|row| row.parent).collect::<Vec<_>>(),
        [None, Some(0), Some(1), Some(0), Some(3)]
    );
}

#[test]
fn starts_are_compared_as_sent() {
    let nodes = [
        other(1, None, 11_651_379_494_838_206_464),
        other(2, None, 5),
    ];
    assert_eq!(drawing(&nodes), ["1", "0"]);
}

#[test]
fn an_orphan_is_a_root_and_marked() {
    assert_eq!(
        drawing(&[other(1, None, 1), other(2, 9, 0), other(3, 2, 5)]),
        ["1?", "-2", "0"]
    );
}

#[test]
fn the_server_half_stands_under_the_client_half_and_takes_the_children() {
    let nodes = [
        node(1, None, 0, Role::Callee),
        node(2, Some(1), 10, Role::Callee),
        node(2, Some(1), 5, Role::Caller),
        other(3, 2, 12),
    ];
    assert_eq!(drawing(&nodes), ["0", "-2", "--1", "---3"]);
}

#[test]
fn a_root_call_has_two_halves_too() {
    let nodes = [
        node(1, None, 3, Role::Callee),
        node(1, None, 1, Role::Caller),
        other(2, 1, 4),
    ];
    assert_eq!(drawing(&nodes), ["1", "-0", "--2"]);
}

#[test]
fn several_callees_stand_under_the_earliest_caller() {
    let nodes = [
        node(1, None, 9, Role::Caller),
        node(1, None, 1, Role::Caller),
        node(1, None, 5, Role::Callee),
        node(1, None, 4, Role::Callee),
        other(2, 1, 6),
    ];
    assert_eq!(drawing(&nodes), ["1", "-3", "--4", "-2", "0"]);
}

#[test]
fn without_two_halves_the_earliest_holder_takes_the_children() {
    let nodes = [other(1, None, 7), other(1, None, 2), other(2, 1, 8)];
    assert_eq!(drawing(&nodes), ["1", "-2", "0"]);
}

#[test]
fn a_cycle_is_cut_above_its_earliest_span() {
    let nodes = [
        other(1, 3, 20),
        other(2, 1, 10),
        other(3, 2, 30),
        other(4, 2, 1),
    ];
    assert_eq!(drawing(&nodes), ["1", "-3", "-2", "--0"]);
    assert_eq!(drawing(&[other(1, 1, 0)]), ["0"]);
    assert_eq!(
        drawing(&[
            node(1, Some(1), 2, Role::Caller),
            node(1, Some(1), 1, Role::Callee)
        ]),
        ["1", "-0"]
    );
}

#[test]
fn a_chain_of_5000_and_a_fan_of_20000_are_drawn() {
    let id = |number: u64| SpanId((number + 1).to_be_bytes());
    let chain: Vec<_> = (0..5000u64)
        .map(|n| Node {
            id: id(n),
            parent: n.checked_sub(1).map(id),
            start_unix_nano: 5000 - n,
            role: Role::Other,
        })
        .collect();
    let rows = build(&chain);
    assert!(
        rows.iter()
            .enumerate()
            .all(|(n, row)| row.depth == n as u32 && row.subtree_size == 5000 - n as u32)
    );
    let fan: Vec<_> = (0..20_001u64)
        .map(|n| Node {
            id: id(n),
            parent: (n > 0).then(|| id(0)),
            start_unix_nano: n,
            role: Role::Other,
        })
        .collect();
    let rows = build(&fan);
    assert!(
        rows.iter()
            .enumerate()
            .all(|(n, row)| row.node == n as u32 && row.depth == u32::from(n > 0))
    );
    assert_eq!(rows[0].subtree_size, 20_001);
}

#[test]
fn a_million_spans_are_ordered() {
    let id = |number: u64| SpanId((number + 1).to_be_bytes());
    let node = |n: u64| Node {
        id: id(n),
        parent: n.checked_sub(1).map(|n| id(n / 2)),
        start_unix_nano: n,
        role: Role::Other,
    };
    let nodes: Vec<_> = (0..1_000_000).map(node).collect();
    let rows = build(&nodes);
    assert_eq!(
        (rows.len(), rows[0].subtree_size, rows[0].node),
        (1_000_000, 1_000_000, 0)
    );
}

fn any_node() -> impl Strategy<Value = Node> {
    let role = prop::sample::select(vec![Role::Caller, Role::Callee, Role::Other, Role::Other]);
    (1u8..10, prop::option::weighted(0.8, 1u8..12), 0u64..6, role)
        .prop_map(|(id, parent, start, role)| node(id, parent, start, role))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_input_gives_a_well_formed_forest(nodes in prop::collection::vec(any_node(), 0..24)) {
        let rows = build(&nodes);
        let mut seen: Vec<_> = rows.iter().map(|row| row.node).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..nodes.len() as u32).collect::<Vec<_>>());
        for (place, row) in rows.iter().enumerate() {
            let end = place + row.subtree_size as usize;
            prop_assert!(end <= rows.len());
            prop_assert_eq!(row.depth == 0, row.parent.is_none());
            if let Some(parent) = row.parent {
                let above = rows[parent as usize];
                prop_assert!(parent < place as u32 && end <= parent as usize + above.subtree_size as usize);
                prop_assert_eq!(row.depth, above.depth + 1);
                let (child, above) = (nodes[row.node as usize], nodes[above.node as usize]);
                let halves = child.id == above.id && child.role == Role::Callee && above.role == Role::Caller;
                prop_assert!(child.parent == Some(above.id) || halves);
            }
            let known = |id| nodes.iter().any(|node| node.id == id);
            let node = nodes[row.node as usize];
            prop_assert_eq!(row.orphan, row.parent.is_none() && node.parent.is_some_and(|parent| !known(parent)));
        }
    }

    #[test]
    fn siblings_stand_by_start(nodes in prop::collection::vec(any_node(), 0..24)) {
        let rows = build(&nodes);
        for (place, row) in rows.iter().enumerate() {
            let next = rows.iter().skip(place + 1).find(|next| next.parent == row.parent);
            if let Some(next) = next {
                prop_assert!(earliness(&nodes, row.node) < earliness(&nodes, next.node));
            }
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        nodes in prop::collection::vec(any_node(), 0..16),
        seed in any::<u64>(),
    ) {
        // Starts apart, so that only the rule orders the spans.
        let nodes: Vec<_> = nodes.into_iter().zip(0..).map(|(node, n)| Node { start_unix_nano: node.start_unix_nano * 100 + n, ..node }).collect();
        let mut shuffled: Vec<_> = nodes.clone();
        shuffled.sort_by_key(|node| node.start_unix_nano.wrapping_mul(seed | 1));
        let order = |nodes: &[Node]| build(nodes).iter().map(|row| (nodes[row.node as usize].start_unix_nano, row.depth)).collect::<Vec<_>>();
        prop_assert_eq!(order(&nodes), order(&shuffled));
    }
}
