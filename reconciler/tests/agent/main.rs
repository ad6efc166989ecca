//! The agent on real processes: what it promises about their lives, its own death, and its metrics.

#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]

#[cfg(test)]
mod declare;
#[cfg(test)]
mod host;
#[cfg(test)]
mod launch;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod tasks;
