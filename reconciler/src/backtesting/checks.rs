//! What a policy must reach, and the exit codes that tell a pipeline.

use serde::Serialize;
use shadow_core::backtest::Outcome;
use shadow_core::model::check::parse_duration;

/// Exit code when a check is not met.
const UNMET: u8 = 3;

/// Exit code when signals were left out, and the rest has its answer.
const INCOMPLETE: u8 = 4;

/// What the policy must reach: for pipelines.
#[derive(Debug, Default, clap::Args)]
pub struct CheckArgs {
    /// End with code 3 when the policy has more false alarms a week.
    #[arg(long, value_name = "N")]
    max_false_alarms_per_week: Option<f64>,
    /// End with code 3 when it announces a smaller share of the breaches, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    min_recall: Option<f64>,
    /// End with code 3 when the median lead time is shorter, as in 10m.
    #[arg(long, value_name = "DURATION", value_parser = lead)]
    min_lead: Option<f64>,
    /// End with code 3 when the shadows cost more in all.
    #[arg(long, value_name = "COST")]
    max_cost: Option<f64>,
}

fn lead(text: &str) -> Result<f64, String> {
    parse_duration(text).map(|duration| duration.as_secs_f64())
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) passed: bool,
    pub(super) text: String,
}

impl CheckArgs {
    /// The checks that were asked for. What cannot be measured, as no limit broke, is met.
    pub(super) fn checked(&self, outcome: &Outcome) -> Vec<Check> {
        let check = |passed: bool, text: String| Check { passed, text };
        let most = |limit: Option<f64>, found: f64, what: &str| {
            let limit = limit?;
            Some(check(found <= limit, format!("{what}: {found:.2}, at most {limit} wanted")))
        };
        let least = |limit: Option<f64>, found: Option<f64>, what: &str| {
            let limit = limit?;
            Some(match found {
                Some(found) => check(found >= limit, format!("{what}: {found:.2}, at least {limit} wanted")),
                None => check(true, format!("{what}: nothing to measure it on, at least {limit} wanted")),
            })
        };
        let announced = outcome.warned > 0 || outcome.missed == 0;
        let lead = if announced { outcome.median_lead_seconds() } else { Some(0.0) };
        let all = [
            most(self.max_false_alarms_per_week, outcome.false_alarms_per_week, "false alarms a week"),
            least(self.min_recall, outcome.recall(), "share of the breaches that was announced"),
            least(self.min_lead, lead, "median lead time in seconds"),
            most(self.max_cost, outcome.shadow_cost, "cost of shadows"),
        ];
        all.into_iter().flatten().collect()
    }
}

/// An end that is neither success nor the failure of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExitWith {
    /// The exit code.
    pub code: u8,
    /// For people.
    pub message: String,
}

impl ExitWith {
    /// Checks come first: a pipeline must not take an incomplete failure for a mere warning.
    pub(super) fn of(checks: &[Check], problems: &[String]) -> Option<Self> {
        let unmet: Vec<&str> = checks.iter().filter(|check| !check.passed).map(|check| check.text.as_str()).collect();
        if !unmet.is_empty() {
            return Some(Self { code: UNMET, message: unmet.join("; ") });
        }
        let message = || format!("some signals were left out:\n  {}", problems.join("\n  "));
        (!problems.is_empty()).then(|| Self { code: INCOMPLETE, message: message() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(warned: u32, missed: u32, lead: Option<f64>) -> Outcome {
        serde_json::from_value(serde_json::json!({
            "actions": [], "lead_times_seconds": [lead], "warned": warned, "missed": missed, "false_alarms": 2,
            "false_alarms_per_week": 1.5, "hand_overs": 0, "false_hand_overs": 0, "shadow_hours": 3.0, "shadow_cost": 6.0,
        }))
        .unwrap()
    }

    fn code(args: &CheckArgs, outcome: &Outcome, problems: &[String]) -> u8 {
        ExitWith::of(&args.checked(outcome), problems).map_or(0, |exit| exit.code)
    }

    #[test]
    fn codes_tell_what_is_unmet_and_what_is_incomplete() {
        let none = CheckArgs::default();
        let found = outcome(3, 1, Some(600.0));
        assert_eq!(code(&none, &found, &[]), 0);
        assert_eq!(code(&none, &found, &["m".to_owned()]), 4);
        let alarms = |limit| CheckArgs { max_false_alarms_per_week: Some(limit), ..CheckArgs::default() };
        assert_eq!((code(&alarms(1.5), &found, &[]), code(&alarms(1.4), &found, &["m".to_owned()])), (0, 3));
        let recall = |limit| CheckArgs { min_recall: Some(limit), ..CheckArgs::default() };
        assert_eq!((code(&recall(0.75), &found, &[]), code(&recall(0.8), &found, &[])), (0, 3));
        let lead = |limit| CheckArgs { min_lead: Some(limit), ..CheckArgs::default() };
        assert_eq!((code(&lead(600.0), &found, &[]), code(&lead(601.0), &found, &[])), (0, 3));
        let cost = |limit| CheckArgs { max_cost: Some(limit), ..CheckArgs::default() };
        assert_eq!((code(&cost(6.0), &found, &[]), code(&cost(5.0), &found, &[])), (0, 3));
    }

    #[test]
    fn without_a_breach_there_is_nothing_to_miss_and_a_missed_one_has_no_lead() {
        let args = CheckArgs { min_recall: Some(0.9), min_lead: Some(60.0), ..CheckArgs::default() };
        assert_eq!(code(&args, &outcome(0, 0, None), &[]), 0);
        let checks = args.checked(&outcome(0, 2, None));
        assert!(checks.iter().all(|check| !check.passed), "{checks:?}");
    }
}
