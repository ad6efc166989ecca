//! The agent on real processes: what it promises about their lives, its own death, and its metrics.

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
mod serve;
#[cfg(test)]
mod tasks;
