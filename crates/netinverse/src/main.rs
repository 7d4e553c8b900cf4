//! The command line of netinverse; everything it does is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
