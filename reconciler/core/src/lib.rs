//! The deciding half of Shadow. Everything here is a function of its arguments: no clock, file,
//! network, process, environment or async; `now` is always passed in.
//!
//! The modules read in the order in which a cycle runs through them:
//! `history` → `forecast` → `score` → `decision` → `desired` → `rendering` → `plan` → `guard`.

pub mod desired;
pub mod forecast;
pub mod history;
pub mod model;
pub mod score;
