//! The same answer, bit for bit, whatever the number of threads.

mod common;

use common::generate;
use common::run::{Run, pool, wide};

#[test]
fn results_do_not_depend_on_the_threads() {
    let networks = [wide(), generate::network(1), generate::network(2), generate::network(3)];
    for (index, network) in networks.iter().enumerate() {
        for rows in [1, 65, 2000] {
            let results = [1, 2, 3].map(|threads| {
                let mut run = Run::new(network, rows);
                pool(threads).install(|| run.all());
                run.bits()
            });
            assert!(results[0] == results[1] && results[0] == results[2], "network {index}, {rows} rows");
        }
    }
}
