//! The wire: kinds are unique, every kind is performed by one pool, every pool is in the Procfile.

use std::collections::HashSet;

use jobs::Queue;

#[test]
fn every_queue_has_a_binary_and_a_line_in_the_procfile() {
    let procfile = include_str!("../Procfile");
    for queue in Queue::ALL {
        assert!(
            procfile.lines().any(|line| line.starts_with(&format!("{queue}:"))),
            "{queue} is not in the Procfile"
        );
    }
}

#[test]
fn every_kind_is_performed_and_only_once() {
    // `with` panics on a kind that is there twice.
    let registry = workers::registry();
    let kinds: HashSet<_> = registry.performers().map(|performer| performer.kind).collect();
    assert!(!kinds.is_empty());
    assert_eq!(kinds.len(), registry.performers().count());
}
