//! The models, and the choice between them by what each would have lost in the series' own past.
//!
//! Never prefers a model that did not beat the naive one.

use super::backtest::{Backtest, Loss};
use super::ensemble::ErrorGrowth;
use super::profile::ProfileTrend;
use super::seasonal::SeasonalNaive;
use super::series::Series;
use super::text::significant;
use super::trend::DampedTrend;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which model made a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelName {
    /// The newest value stays.
    LastValue,
    /// What was measured a day, or a week, before.
    SeasonalNaive,
    /// Level and slope by double exponential smoothing.
    DampedTrend,
    /// The usual day, plus the trend of the deviations from it.
    ProfileTrend,
    /// The level by simple exponential smoothing.
    SmoothedLevel,
    /// Some twenty simple forecasts, weighed by what each was worth in the past of the series.
    Blend,
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastValue => "last value",
            Self::SeasonalNaive => "seasonal naive",
            Self::DampedTrend => "damped trend",
            Self::ProfileTrend => "profile and trend",
            Self::SmoothedLevel => "smoothed level",
            Self::Blend => "blend",
        })
    }
}

/// Samples before the first origin: enough for the shortest memories of a trend to settle.
const SAMPLES_BEFORE_FIRST_ORIGIN: usize = 10;

/// The models, ready to forecast one series from any of its steps.
pub(super) enum Model<'a> {
    SeasonalNaive(SeasonalNaive<'a>),
    DampedTrend(DampedTrend),
    ProfileTrend(ProfileTrend),
}

impl Model<'_> {
    /// What the model, at the step `origin`, says of the step `lead` after it.
    pub(super) fn predict(&self, origin: usize, lead: usize) -> f64 {
        match self {
            Self::SeasonalNaive(model) => model.predict(origin, lead),
            Self::DampedTrend(model) => model.predict(origin, lead),
            Self::ProfileTrend(model) => model.predict(origin, lead),
        }
    }

    /// What the forecast calls it.
    pub(super) fn name(&self) -> ModelName {
        match self {
            Self::SeasonalNaive(model) if model.period.is_none() => ModelName::LastValue,
            Self::SeasonalNaive(_) => ModelName::SeasonalNaive,
            Self::DampedTrend(_) => ModelName::DampedTrend,
            Self::ProfileTrend(_) => ModelName::ProfileTrend,
        }
    }

    /// How its errors grow where the horizon is longer than what was seen.
    pub(super) fn error_growth(&self) -> ErrorGrowth {
        match self {
            Self::SeasonalNaive(model) if model.period.is_some() => ErrorGrowth::None,
            Self::DampedTrend(trend) | Self::ProfileTrend(ProfileTrend { deviation: trend, .. }) if trend.has_slope => {
                ErrorGrowth::Linear
            }
            Self::SeasonalNaive(_) | Self::DampedTrend(_) | Self::ProfileTrend(_) => ErrorGrowth::Root,
        }
    }
}

/// The model that lost least, and what the others lost.
pub(super) struct Choice<'a> {
    pub(super) model: Model<'a>,
    pub(super) loss: Loss,
    naive: ModelName,
    pub(super) loss_naive: Loss,
    /// Steps from which was forecast, oldest first.
    pub(super) origins: Vec<usize>,
}

/// Fits every model and takes the one of least pinball loss; the naive one unless another beats it.
/// `None` when no forecast of the past could be checked.
pub(super) fn choose<'a>(series: &'a Series, periods: &[usize], horizon: usize) -> Option<Choice<'a>> {
    let profile_period = periods.first().copied();
    let settled = series.index_of_nth(SAMPLES_BEFORE_FIRST_ORIGIN).unwrap_or_default();
    let backtest = Backtest::new(series, settled + profile_period.unwrap_or(0), horizon);
    let loss = |model: &Model<'_>| backtest.loss(|origin, lead| model.predict(origin, lead));

    let naive = Model::SeasonalNaive(SeasonalNaive::fit(series, periods, &backtest));
    let loss_naive = loss(&naive)?;
    let mut choice =
        Choice { naive: naive.name(), model: naive, loss: loss_naive, loss_naive, origins: backtest.origins() };

    let trend = Model::DampedTrend(DampedTrend::fit(series.values(), horizon, &backtest, |_, _| 0.0));
    let profile =
        profile_period.map(|period| Model::ProfileTrend(ProfileTrend::fit(series, period, horizon, &backtest)));
    for model in [Some(trend), profile].into_iter().flatten() {
        let challenger = loss(&model).filter(|challenger| challenger.pinball < choice.loss.pinball);
        if let Some(loss) = challenger {
            choice = Choice { model, loss, ..choice };
        }
    }
    Some(choice)
}

impl Choice<'_> {
    /// Why this model, for people.
    pub(super) fn reason(&self) -> String {
        reason((self.model.name(), &self.loss), (self.naive, &self.loss_naive))
    }
}

/// Why the first model rather than the naive one, for people.
pub(super) fn reason((model, loss): (ModelName, &Loss), (naive, loss_naive): (ModelName, &Loss)) -> String {
    let (lost, lost_naive) = (significant(loss.pinball), significant(loss_naive.pinball));
    let origins = loss.origins;
    if model == naive {
        return format!("{naive}: no other model lost less than {lost} over {origins} origins");
    }
    format!("{model}: pinball loss {lost} against {lost_naive} of {naive} over {origins} origins")
}
