//! temp
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Score {
    pub horizons: Vec<HorizonScore>,
    pub confidence: f64,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HorizonScore {
    pub probability: f64,
    pub lower: f64,
    pub upper: f64,
}
