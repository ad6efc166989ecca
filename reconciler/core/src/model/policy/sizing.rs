//! How large a shadow becomes for what is forecast: the rule of `crate::sizing` as declared.

use super::defaults;
use crate::model::size::Size;
use crate::model::{Problems, Resource};
use crate::sizing::SizingRule;
use serde::{Deserialize, Serialize};

/// When a shadow's size changes, by how much, and within which bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SizingSpec {
    /// It grows when the prediction is above this multiple of the size.
    #[serde(default = "defaults::grow_above")]
    pub grow_above: f64,
    /// It grows by this multiple of the difference.
    #[serde(default = "defaults::grow_by")]
    pub grow_by: f64,
    /// It shrinks when the prediction is below this multiple of the size.
    #[serde(default = "defaults::shrink_below")]
    pub shrink_below: f64,
    /// It shrinks by this multiple of the difference.
    #[serde(default = "defaults::shrink_by")]
    pub shrink_by: f64,
    /// Time between two changes of a size.
    #[serde(default = "defaults::sizing_interval")]
    pub interval: String,
    /// Whether a size never grows past the upper bound of the forecast, nor shrinks below it.
    #[serde(default = "defaults::clamp")]
    pub clamp: bool,
    /// Least size.
    #[serde(default)]
    pub min: Size,
    /// Greatest size.
    #[serde(default)]
    pub max: Size,
}

impl Default for SizingSpec {
    fn default() -> Self {
        Self {
            grow_above: defaults::grow_above(),
            grow_by: defaults::grow_by(),
            shrink_below: defaults::shrink_below(),
            shrink_by: defaults::shrink_by(),
            interval: defaults::sizing_interval(),
            clamp: defaults::clamp(),
            min: Size::default(),
            max: Size::default(),
        }
    }
}

impl SizingSpec {
    /// The rule for one resource, with the bounds of that part of a size.
    pub fn rule(&self, resource: Resource) -> SizingRule {
        SizingRule {
            grow_above: self.grow_above,
            grow_by: self.grow_by,
            shrink_below: self.shrink_below,
            shrink_by: self.shrink_by,
            min: resource.of(&self.min).unwrap_or(0.0),
            max: resource.of(&self.max),
            clamp: self.clamp,
        }
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.in_range("sizing.grow_above", self.grow_above, 1.0, 10.0);
        problems.in_range("sizing.grow_by", self.grow_by, 1.0, 10.0);
        problems.in_range("sizing.shrink_below", self.shrink_below, 0.0, 1.0);
        problems.in_range("sizing.shrink_by", self.shrink_by, 0.0, 1.0);
        self.min.check("sizing.min", problems);
        self.max.check("sizing.max", problems);
        for ((name, min), (_, max)) in self.min.parts().into_iter().zip(self.max.parts()) {
            let (path, least) = (format!("sizing.max.{name}"), format!("sizing.min.{name}"));
            let in_order = min.zip(max).is_none_or(|(min, max)| min <= max);
            problems.relate(in_order, &path, &[&least], "it is below sizing.min", "swap them");
        }
    }
}
