//! The host's advanced settings, under ESX's names.
//!
//! **Model.** [`Settings`] is what the policy reads: one typed field for each. [`TABLE`] is what people
//! see: name, range, unit and meaning, and the way to the field. By name, every setting is a whole
//! number.
//!
//! **Sources.** Names, defaults and ranges are those of ESX 4.0 and later; ranges that were not
//! published are ours, and so is `VM.StopDeadline`, which no plan depends on: it is here because settings are.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// How idle memory is taxed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaxType {
    /// Every VM at the same rate.
    Flat,
    /// At a rate that rises with the part of a VM's memory that is idle, up to `Mem.IdleTax`.
    #[default]
    Progressive,
}

/// Which pages may share a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Salting {
    /// Equal pages of any VMs; salts are ignored.
    Ignored,
    /// Equal pages of VMs with the same salt, and of all VMs without one.
    Given,
    /// Equal pages of VMs with the same salt; a VM without one shares with itself only.
    #[default]
    Own,
}

/// The values in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `Mem.IdleTax`.
    pub idle_tax: u32,
    /// `Mem.IdleTaxType`.
    pub idle_tax_type: TaxType,
    /// `Mem.SamplePeriod`.
    pub sample_period: u32,
    /// `Mem.BalancePeriod`.
    pub balance_period: u32,
    /// `Mem.ShareScanTime`.
    pub share_scan_time: u32,
    /// `Mem.ShareScanGHz`.
    pub share_scan_ghz: u32,
    /// `Mem.ShareRateMax`.
    pub share_rate_max: u32,
    /// `Mem.ShareForceSalting`.
    pub share_force_salting: Salting,
    /// `Mem.CtlMaxPercent`.
    pub ctl_max_percent: u32,
    /// `Mem.MemZipEnable`.
    pub zip_enable: bool,
    /// `Mem.MemZipMaxPct`.
    pub zip_max_percent: u32,
    /// `Mem.MemZipMaxAllocPct`.
    pub zip_max_alloc_percent: u32,
    /// `Mem.MemMinFreePct`.
    pub min_free_percent: u32,
    /// `Mem.SampleActivePctMin`.
    pub sample_active_percent_min: u32,
    /// `Mem.SampleDirtiedPctMin`.
    pub sample_dirtied_percent_min: u32,
    /// `VM.StopDeadline`.
    pub stop_deadline: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_tax: 75,
            idle_tax_type: TaxType::Progressive,
            sample_period: 60,
            balance_period: 15,
            share_scan_time: 60,
            share_scan_ghz: 4,
            share_rate_max: 1024,
            share_force_salting: Salting::Own,
            ctl_max_percent: 65,
            zip_enable: true,
            zip_max_percent: 10,
            zip_max_alloc_percent: 50,
            min_free_percent: 0,
            sample_active_percent_min: 1,
            sample_dirtied_percent_min: 0,
            stop_deadline: 60,
        }
    }
}

/// One line of [`TABLE`]. Reads and writes its field of [`Settings`].
#[derive(Debug)]
pub struct Setting {
    /// ESX's name.
    pub name: &'static str,
    /// Values accepted.
    pub range: RangeInclusive<u32>,
    /// What the number counts; empty for a choice.
    pub unit: &'static str,
    /// What it does.
    pub meaning: &'static str,
    get: fn(&Settings) -> u32,
    set: fn(&mut Settings, u32),
}

/// Why a setting is not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingError {
    /// There is none of that name.
    #[error("there is no setting '{0}'; `memtide settings` lists them")]
    Unknown(String),
    /// Two values are asked for at once.
    #[error("{0} is given twice, in different spellings")]
    Twice(&'static str),
    /// The value is out of range.
    #[error("{name} cannot be {value}: it takes {first} to {last}{unit}", first = range.start(), last = range.end(),
        unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") })]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// What was asked for.
        value: u64,
        /// What it takes.
        range: RangeInclusive<u32>,
        /// What the number counts.
        unit: &'static str,
    },
}

macro_rules! setting {
    ($name:literal, $range:expr, $unit:literal, $field:ident, $meaning:literal) => {
        setting!($name, $range, $unit, $meaning, |s| s.$field, |s, value| s.$field = value)
    };
    ($name:literal, $range:expr, $unit:literal, $meaning:literal, $get:expr, $set:expr) => {
        Setting { name: $name, range: $range, unit: $unit, meaning: $meaning, get: $get, set: $set }
    };
}

/// All settings, in alphabetical order.
pub static TABLE: [Setting; 16] = [
    setting!(
        "Mem.BalancePeriod",
        1..=120,
        "seconds",
        balance_period,
        "Time between two plans when nothing calls for one earlier."
    ),
    setting!(
        "Mem.CtlMaxPercent",
        0..=99,
        "% of a VM's size",
        ctl_max_percent,
        "How large a balloon may get; 0 turns ballooning off."
    ),
    setting!(
        "Mem.IdleTax",
        0..=99,
        "%",
        idle_tax,
        "Part of a VM's idle memory that may be taken for others; 0: shares alone decide."
    ),
    setting!(
        "Mem.IdleTaxType",
        0..=1,
        "",
        "0: one rate for all VMs; 1: a rate that rises with the idle part of a VM's memory.",
        |s| u32::from(s.idle_tax_type == TaxType::Progressive),
        |s, value| s.idle_tax_type = if value == 0 { TaxType::Flat } else { TaxType::Progressive }
    ),
    setting!(
        "Mem.MemMinFreePct",
        0..=50,
        "% of machine memory",
        min_free_percent,
        "Memory wanted free; 0: 6 % of a small machine, less of a large one."
    ),
    setting!(
        "Mem.MemZipEnable",
        0..=1,
        "",
        "1: compress pages before swapping them; 0: do not.",
        |s| u32::from(s.zip_enable),
        |s, value| s.zip_enable = value != 0
    ),
    setting!(
        "Mem.MemZipMaxAllocPct",
        5..=100,
        "% of what a VM holds",
        zip_max_alloc_percent,
        "Hard cap on a VM's zip store."
    ),
    setting!(
        "Mem.MemZipMaxPct",
        5..=100,
        "% of a VM's size",
        zip_max_percent,
        "How large a VM's zip store should get at most."
    ),
    setting!(
        "Mem.SampleActivePctMin",
        0..=10,
        "%",
        sample_active_percent_min,
        "Part of a VM's memory that counts as active at least."
    ),
    setting!(
        "Mem.SampleDirtiedPctMin",
        0..=10,
        "%",
        sample_dirtied_percent_min,
        "Part of a VM's memory that counts as written at least."
    ),
    setting!(
        "Mem.SamplePeriod",
        1..=180,
        "seconds the VM runs",
        sample_period,
        "Time in which one sample of a VM's pages is watched."
    ),
    setting!(
        "Mem.ShareForceSalting",
        0..=2,
        "",
        "Who may share pages. 0: all VMs; 1: VMs with the same salt, or without one; \
         2: VMs with the same salt only. Counts for each VM from its next start.",
        |s| s.share_force_salting as u32,
        |s, value| {
            s.share_force_salting = [Salting::Ignored, Salting::Given, Salting::Own][value.min(2) as usize];
        }
    ),
    setting!(
        "Mem.ShareRateMax",
        0..=32_768,
        "pages a second",
        share_rate_max,
        "How fast a VM is scanned for equal pages at most; 0: not at all."
    ),
    setting!(
        "Mem.ShareScanGHz",
        0..=32,
        "MiB a second for each GHz",
        share_scan_ghz,
        "How fast all VMs together are scanned at most; 0: not at all."
    ),
    setting!(
        "Mem.ShareScanTime",
        10..=600,
        "minutes",
        share_scan_time,
        "Time in which a whole VM should be scanned."
    ),
    setting!(
        "VM.StopDeadline",
        1..=3600,
        "seconds",
        stop_deadline,
        "How long a guest that is asked to shut down may take, unless who stops it says otherwise."
    ),
];

impl Setting {
    /// The setting called `name`, in any case.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find(name: &str) -> Result<&'static Self, SettingError> {
        let found = TABLE.iter().find(|setting| setting.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| SettingError::Unknown(name.to_owned()))
    }

    /// Its value in `settings`.
    pub fn get(&self, settings: &Settings) -> u32 {
        (self.get)(settings)
    }

    /// Its value unless changed.
    pub fn default_value(&self) -> u32 {
        self.get(&Settings::default())
    }

    /// Changes it in `settings`.
    ///
    /// # Errors
    ///
    /// The value is out of range.
    pub fn set(&self, settings: &mut Settings, value: u64) -> Result<(), SettingError> {
        match u32::try_from(value) {
            Ok(number) if self.range.contains(&number) => {
                (self.set)(settings, number);
                Ok(())
            }
            _ => Err(SettingError::OutOfRange {
                name: self.name,
                value,
                range: self.range.clone(),
                unit: self.unit,
            }),
        }
    }
}

impl Settings {
    /// The value of the setting called `name`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn get(&self, name: &str) -> Result<u32, SettingError> {
        Ok(Setting::find(name)?.get(self))
    }

    /// Changes the setting called `name`.
    ///
    /// # Errors
    ///
    /// There is none, or the value is out of range.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), SettingError> {
        Setting::find(name)?.set(self, value)
    }

    /// Checks values that were read from a file.
    ///
    /// # Errors
    ///
    /// The first value that is out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        TABLE.iter().try_for_each(|setting| setting.set(&mut self.clone(), u64::from(setting.get(self))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_reaches_a_field_of_its_own() {
        for setting in &TABLE {
            assert!(setting.range.contains(&setting.default_value()), "{}", setting.name);
            for value in [*setting.range.start(), *setting.range.end()] {
                let mut settings = Settings::default();
                settings.set(&setting.name.to_lowercase(), u64::from(value)).unwrap();
                assert_eq!(settings.get(setting.name), Ok(value));
                for other in TABLE.iter().filter(|other| other.name != setting.name) {
                    assert_eq!(other.get(&settings), other.default_value(), "{}", other.name);
                }
            }
        }
        assert!(TABLE.is_sorted_by_key(|setting| setting.name));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_the_range() {
        let mut settings = Settings::default();
        let error = settings.set("Mem.ShareScanTime", 5).unwrap_err().to_string();
        assert_eq!(error, "Mem.ShareScanTime cannot be 5: it takes 10 to 600 (minutes)");
        for setting in &TABLE {
            setting.set(&mut settings, u64::from(*setting.range.end()) + 1).unwrap_err();
            setting.set(&mut settings, u64::MAX).unwrap_err();
        }
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.get("Mem.Idle"), Err(SettingError::Unknown("Mem.Idle".to_owned())));
        assert_eq!(settings.check(), Ok(()));
        settings.idle_tax = 100;
        assert!(matches!(settings.check(), Err(SettingError::OutOfRange { value: 100, .. })));
    }
}
