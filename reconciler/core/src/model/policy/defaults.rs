//! Defaults of a policy, for a service whose instances take minutes to start and whose load follows
//! the day. Nothing else.

pub(super) fn interval() -> String {
    "60s".to_owned()
}
pub(super) fn step() -> String {
    "5m".to_owned()
}
pub(super) fn history() -> String {
    "28d".to_owned()
}
pub(super) fn horizons() -> Vec<String> {
    ["1h", "6h", "24h"].map(str::to_owned).to_vec()
}
pub(super) fn shadowing_threshold() -> f64 {
    0.5
}
pub(super) fn critical_threshold() -> f64 {
    0.8
}
pub(super) fn clear_threshold() -> f64 {
    0.2
}
pub(super) fn shadow_creation_threshold() -> f64 {
    0.6
}
pub(super) fn cooldown() -> String {
    "1h".to_owned()
}
pub(super) fn sync_method() -> String {
    "none".to_owned()
}
pub(super) fn sync_interval() -> String {
    "60s".to_owned()
}
pub(super) fn lag_seconds_max() -> f64 {
    10.0
}
pub(super) fn lag_bytes_max() -> f64 {
    16.0 * 1024.0 * 1024.0
}
pub(super) fn warmup_timeout() -> String {
    "5m".to_owned()
}
pub(super) fn ready_probes() -> u32 {
    3
}
pub(super) fn mirror_percent() -> f64 {
    10.0
}
pub(super) fn mirror_methods() -> Vec<String> {
    ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec()
}
pub(super) fn mirror_duration() -> String {
    "5m".to_owned()
}
pub(super) fn shift_steps() -> Vec<u32> {
    vec![5, 25, 50]
}
pub(super) fn shift_step_duration() -> String {
    "2m".to_owned()
}
pub(super) fn shift_passes() -> u32 {
    2
}
pub(super) fn failure_signals() -> u32 {
    2
}
pub(super) fn failure_evaluations() -> u32 {
    2
}
pub(super) fn switch_timeout() -> String {
    "30s".to_owned()
}
pub(super) fn watch() -> String {
    "10m".to_owned()
}
pub(super) fn hold_old() -> String {
    "30m".to_owned()
}
pub(super) fn max_shadow_age() -> String {
    "24h".to_owned()
}
pub(super) fn hold_after_human() -> String {
    "30m".to_owned()
}
pub(super) fn confidence() -> f64 {
    0.9
}
pub(super) fn failback_after() -> String {
    "30m".to_owned()
}
pub(super) fn sizing_interval() -> String {
    "60s".to_owned()
}
pub(super) fn clamp() -> bool {
    true
}
pub(super) fn latency_ratio_max() -> f64 {
    1.2
}
pub(super) fn error_rate_increase_max() -> f64 {
    0.01
}
pub(super) fn requests_min() -> u32 {
    100
}
pub(super) fn grow_above() -> f64 {
    1.2
}
pub(super) fn grow_by() -> f64 {
    1.5
}
pub(super) fn shrink_below() -> f64 {
    0.8
}
pub(super) fn shrink_by() -> f64 {
    0.5
}
