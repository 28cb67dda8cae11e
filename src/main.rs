//! The binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    kill_at_the_named_step();
    strongroom::cli::run()
}

/// Ends this process as `kill -9` would, at the step that `STRONGROOM_KILL_AT` names: for tests that pull the plug.
#[cfg(feature = "failpoints")]
#[expect(clippy::disallowed_methods, reason = "never in a release, and no setting")]
fn kill_at_the_named_step() {
    let Ok(step) = std::env::var("STRONGROOM_KILL_AT") else { return };
    let killed = fail::cfg_callback(step, || {
        let gone = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        assert_eq!(gone, Ok(()), "the plug cannot be pulled");
    });
    assert_eq!(killed, Ok(()), "no such step can be named");
}
