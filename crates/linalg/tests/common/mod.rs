//! Runs a test program again with lesser instruction sets.

/// All other tests of this program, as another processor would run them.
pub(crate) fn on_other_instruction_sets(this_test: &str) {
    if std::env::var_os("NETINVERSE_SIMD").is_some() {
        return;
    }
    for set in ["avx2", "scalar"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--skip", this_test])
            .env("NETINVERSE_SIMD", set)
            .output()
            .unwrap();
        assert!(output.status.success(), "with {set}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
}
