//! What goes to standard output, and files written whole or not at all.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use netinverse_base::{Error, Result};

use super::arguments::Arguments;

const BROKEN_PIPE: &str = "the reader of standard output went away";

/// Prints text to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints bytes to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Error::interrupted(BROKEN_PIPE),
        _ => Error::io("standard output", &error),
    })
}

/// Whether the error says that nobody reads standard output any more, which ends a command with status 0.
pub(crate) fn is_broken_pipe(error: &Error) -> bool {
    error.message() == BROKEN_PIPE
}

/// The manual page, every command in it.
pub(crate) fn manual(page: &mut Vec<u8>) -> io::Result<()> {
    let command = Arguments::command();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let named = verb.clone().display_name(format!("netinverse-{}", verb.get_name()));
        let part = clap_mangen::Man::new(named);
        part.render_synopsis_section(page)?;
        part.render_description_section(page)?;
        part.render_options_section(page)?;
    }
    Ok(())
}
