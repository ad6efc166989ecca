//! History, forecast and score together, as a cycle uses them.

mod awkward;
mod days;
mod following;
mod properties;
mod scenarios;
mod support;
