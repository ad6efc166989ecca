//! Why a probability is what it is: what the model's answer would be without what is unusual about the
//! signal now, told for people. Never part of the probability itself.

use super::boosting::Boosted;
use super::features::{COUNT, Features, NAMES};
use crate::forecast::significant;
use std::sync::LazyLock;

/// One part of the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// By how much it raises the logarithm of the odds.
    pub weight: f32,
    /// As in `yesterday it reached 91 % of its limit in these hours and now it runs 12 % above`.
    pub text: String,
}

/// Weight below which a part is not worth telling: it raises the odds by less than a fifth.
const WEIGHT_MIN: f32 = 0.2;

/// What is told together: numbers that say much the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Level,
    Movement,
    Yesterday,
    LastWeek,
    ThisTime,
    Alike,
    Incidents,
}

const PARTS: [Part; 7] =
    [Part::Level, Part::Movement, Part::Yesterday, Part::LastWeek, Part::ThisTime, Part::Alike, Part::Incidents];

/// The number that tells how often the level rose far enough after moments like this one.
const ALIKE: &str = "alike at this time and rose as far";

/// What a person needs to know of the signal to be told.
pub(super) struct Facts {
    /// In the signal's own unit and sign.
    pub(super) limit: f64,
    pub(super) now: f64,
    /// Half an hour before.
    pub(super) before: Option<f64>,
    /// Extreme of the same window a day and a week ago.
    pub(super) yesterday: Option<f64>,
    pub(super) last_week: Option<f64>,
    /// Mean of the last hour, and of the same hour yesterday.
    pub(super) hour: Option<f64>,
    pub(super) hour_yesterday: Option<f64>,
    /// Of the days seen, those on which the limit broke in this window.
    pub(super) days_broken: usize,
    pub(super) days: usize,
    /// Incidents of the last seven days.
    pub(super) incidents: usize,
    /// How long the last one is ago, in hours.
    pub(super) since: Option<f64>,
}

/// The parts that raise the odds most over those of the signal's `usual` look, greatest first.
pub(super) fn reasons(model: &Boosted, look: &Features, usual: &Features, facts: &Facts) -> Vec<Reason> {
    let whole = model.log_odds(look);
    let weigh = |part: Part| {
        let mut without = *look;
        for ((number, usual), told_in) in without.iter_mut().zip(usual).zip(TOLD_IN.iter()) {
            if *told_in == Some(part) {
                *number = *usual;
            }
        }
        whole - model.log_odds(&without)
    };
    let told = |part: Part| Some(Reason { weight: weigh(part), text: facts.text(part, look)? });
    let mut reasons: Vec<Reason> =
        PARTS.into_iter().filter_map(told).filter(|reason| reason.weight >= WEIGHT_MIN).collect();
    reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    reasons
}

/// The parts that the numbers of a look belong to.
static TOLD_IN: LazyLock<[Option<Part>; COUNT]> = LazyLock::new(|| NAMES.map(of));

/// Which part a number belongs to; `None` for those that tell nobody anything.
fn of(name: &str) -> Option<Part> {
    Some(match name {
        "base rate" | "horizon" => return None,
        _ if name.starts_with("alike") || name == "ever rose as far" => Part::Alike,
        _ if name.contains("slope") || name.contains("spread") => Part::Movement,
        _ if name.contains("yesterday") => Part::Yesterday,
        _ if name.contains("week's") => Part::LastWeek,
        _ if name.contains("incident") || name.contains("interval") => Part::Incidents,
        _ if ["usual", "highest", "broken", "this time", "weekday"].iter().any(|it| name.contains(it)) => {
            Part::ThisTime
        }
        _ => Part::Level,
    })
}

impl Facts {
    fn text(&self, part: Part, look: &Features) -> Option<String> {
        Some(match part {
            Part::Level => format!("it is {}", self.against_limit(self.now)),
            Part::Movement => self.movement()?,
            Part::Yesterday => {
                format!("yesterday it was {} in these hours{}", self.against_limit(self.yesterday?), self.today())
            }
            Part::LastWeek => format!("a week ago it was {} in these hours", self.against_limit(self.last_week?)),
            Part::ThisTime => {
                format!("it broke its limit in these hours on {} of {} days", self.days_broken, self.days)
            }
            Part::Alike => {
                let share = look.iter().zip(NAMES).find(|(_, name)| *name == ALIKE)?.0;
                format!("after {:.0} % of moments like this one it rose as far as the limit is away", 100.0 * share)
            }
            Part::Incidents => {
                format!("it broke its limit {} in a week, last {:.0} h ago", times(self.incidents), self.since?)
            }
        })
    }

    /// `at 91 % of its limit` where that means something.
    fn against_limit(&self, value: f64) -> String {
        if self.limit > 0.0 && value >= 0.0 {
            format!("at {} % of its limit", significant((100.0 * value / self.limit).round()))
        } else {
            format!("at {}, with a limit of {}", significant(value), significant(self.limit))
        }
    }

    fn movement(&self) -> Option<String> {
        let moved = self.now - self.before?;
        let verb = if moved < 0.0 { "fell" } else { "rose" };
        Some(format!("it {verb} from {} to {} in half an hour", significant(self.before?), significant(self.now)))
    }

    fn today(&self) -> String {
        let (Some(today), Some(then)) = (self.hour, self.hour_yesterday) else { return String::new() };
        let above = (100.0 * (today / then - 1.0)).round();
        if then <= 0.0 || today < 0.0 || above.abs() < 1.0 {
            return String::new();
        }
        let side = if above < 0.0 { "below" } else { "above" };
        format!(" and now runs {} % {side} that day", significant(above.abs()))
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}
