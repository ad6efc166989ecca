//! The demo's two stories, shortened: a primary that leaks is left before it dies, and one that is killed is left at
//! once. The demo judges itself; this demands every part of its judgement but the times.

#![expect(clippy::print_stdout, reason = "the figures that a test measures are part of what it says")]

use shadow_tests::demo::{self, Fault, Options};
use shadow_tests::report::Report;
use shadow_tests::world;

#[tokio::test(flavor = "multi_thread")]
async fn a_leaking_primary_is_left_before_it_dies() {
    let report = tell(Fault::Leak).await;
    println!(
        "lead time {:?} s, switch {:?} s, {} requests, {} failed, {:.0} s",
        report.lead_time_seconds, report.switch_seconds, report.requests_total, report.requests_failed, report.seconds
    );
    assert_all_but_times(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_left_within_seconds() {
    let report = tell(Fault::Kill).await;
    println!(
        "detected in {:?} s, healthy side in {:?} s, {} requests, {} failed, {:.0} s",
        report.detect_seconds, report.recovery_seconds, report.requests_total, report.requests_failed, report.seconds
    );
    assert_all_but_times(&report);
}

/// How long things take is judged by `make demo` on a machine of its own.
fn assert_all_but_times(report: &Report) {
    let held = report.checks.iter().all(|check| check.passed || check.is_time);
    assert!(held, "{}", report.summary());
}

async fn tell(fault: Fault) -> Report {
    let _alone = world::alone().await;
    let folder = tempfile::tempdir().expect("a folder");
    // The demo's own leak: a shorter one leaves no time between the forecast and the example's critical horizon for the
    // mirror and the steps on a machine that is busy with other things.
    let options = Options { fault, leak_mib_per_second: 4, memory_limit_mib: 384, folder: folder.path().to_owned() };
    demo::report(&options).await.expect("a report")
}
