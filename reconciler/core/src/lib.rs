//! The deciding half of Shadow. Everything here is a function of its arguments: no clock, file,
//! network, process, environment or async; `now` is always passed in.
//!
//! A cycle runs through the modules in this order:
//! `history` → `forecast` → `score`, `anomaly` → `decision` → `desired` → `rendering` → `plan` → `guard`.

pub mod anomaly;
pub mod backtest;
pub mod calendar;
pub mod criteria;
pub mod decision;
pub mod desired;
pub mod feedback;
pub mod forecast;
pub mod guard;
pub mod history;
pub mod model;
pub mod observation;
pub mod placement;
pub mod plan;
pub mod promql;
pub mod rendering;
pub mod report;
pub mod score;
pub mod shares;
pub mod sizing;
pub mod state;
pub mod warning;
