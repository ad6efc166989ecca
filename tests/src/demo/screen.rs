//! What the demo shows while it runs: lines that stay, and on a terminal one that is redrawn. It only writes.

use std::io::{IsTerminal, Stdout, Write};
use std::time::Instant;

/// Without a terminal the progress is a line now and then: often enough to see that it lives.
const QUIET_SECONDS_MAX: f64 = 10.0;

/// Back to the start of the line, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// The output of the demo.
pub(super) struct Screen {
    out: Stdout,
    terminal: bool,
    started: Instant,
    progress_shown: f64,
}

impl Screen {
    pub(super) fn start() -> Self {
        let out = std::io::stdout();
        Self { terminal: out.is_terminal(), out, started: Instant::now(), progress_shown: 0.0 }
    }

    /// Time since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A line that stays.
    pub(super) fn line(&mut self, text: &str) {
        let seconds = self.seconds();
        self.progress_shown = seconds;
        self.write(&format!("{}{seconds:>7.1} s  {text}\n", self.clear()));
    }

    /// How it goes: redrawn in place on a terminal, else written now and then.
    pub(super) fn progress(&mut self, text: &str) {
        let seconds = self.seconds();
        if self.terminal {
            self.write(&format!("{CLEAR}{seconds:>7.1} s  {text}"));
        } else if seconds - self.progress_shown >= QUIET_SECONDS_MAX {
            self.line(text);
        }
    }

    /// Text without a time.
    pub(super) fn text(&mut self, text: &str) {
        self.write(&format!("{}{text}", self.clear()));
    }

    fn clear(&self) -> &'static str {
        if self.terminal { CLEAR } else { "" }
    }

    fn write(&mut self, text: &str) {
        // Nobody to read it is no reason to stop.
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).ok();
    }
}
