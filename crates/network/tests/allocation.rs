//! Nothing is allocated in the steady state. One test alone: the count is of the whole process.

mod common;

use std::alloc::System;

use cap::Cap;
use common::generate;
use common::run::{Run, pool, wide};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

#[test]
fn the_steady_state_allocates_nothing() {
    let networks: Vec<_> = (0..15).map(generate::network).chain([wide()]).collect();
    for threads in [1, 2] {
        let pool = pool(threads);
        for (index, network) in networks.iter().enumerate() {
            // The products of many rows pack their operands in buffers of their own, freed at once.
            let packs = |name: &str| ["Gemm", "Conv"].contains(&name);
            let packs = network.nodes().iter().any(|node| packs(node.op.name()));
            for rows in [1, 700] {
                let mut run = Run::new(network, rows);
                // Until each thread has met its workspace; then never again.
                let quiet = (0..200).any(|_| {
                    pool.install(|| {
                        let count = || {
                            if packs && rows > 1 {
                                ALLOCATOR.allocated()
                            } else {
                                ALLOCATOR.total_allocated()
                            }
                        };
                        let before = count();
                        (0..5).for_each(|_| run.all());
                        count() == before
                    })
                });
                assert!(quiet, "network {index}, {rows} rows, {threads} threads");
            }
        }
    }
}
