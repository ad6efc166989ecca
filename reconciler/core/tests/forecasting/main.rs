//! History, forecast and score together, as a cycle uses them.

mod awkward;
mod properties;
mod scenarios;
mod support;
