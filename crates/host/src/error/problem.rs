//! A host's error as it is answered.

use super::HostError;
use model::Problem;
use sched::settings::SettingError;
use serde_json::json;

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let details = match &error {
            HostError::Refused { refusal, .. } => Some(json!({
                "place": refusal.place,
                "asked_bytes": refusal.asked,
                "free_bytes": refusal.free,
            })),
            HostError::NoVm(name)
            | HostError::NoPool(name)
            | HostError::NoAlarmRule(name)
            | HostError::Setting(SettingError::Unknown(name)) => Some(json!({"name": name})),
            HostError::Changed { revision, .. } => Some(json!({"etag": format!("\"{revision}\"")})),
            _ => None,
        };
        Self {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            details: details.map(Box::new),
            request_id: None,
        }
    }
}
