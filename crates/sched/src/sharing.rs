//! How fast VMs are scanned for equal pages.
//!
//! **Model.** Each VM should be scanned once in `Mem.ShareScanTime`, at no more than `Mem.ShareRateMax`; all
//! together at no more than `Mem.ShareScanGHz` MiB a second for each GHz of the processors.

use crate::settings::Settings;
use addr::{ByteSize, PageCount};

/// Pages a second to scan of each VM with so many `pages`, on a host whose processors have `gigahertz`
/// in all. Fractions are meant: a VM of ten pages is scanned less often than once a second.
pub fn scan_rates(settings: &Settings, gigahertz: f64, pages: &[PageCount]) -> Vec<f64> {
    let seconds = f64::from(settings.share_scan_time) * 60.0;
    let most = f64::from(settings.share_rate_max);
    let mut rates: Vec<f64> = pages.iter().map(|pages| (pages.0 as f64 / seconds).min(most)).collect();
    let wished: f64 = rates.iter().sum();
    let budget = gigahertz * f64::from(settings.share_scan_ghz) * ByteSize::mib(1).pages().0 as f64;
    if wished > budget {
        for rate in &mut rates {
            *rate *= budget / wished;
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gib(number: u64) -> PageCount {
        ByteSize::mib(number << 10).pages()
    }

    #[test]
    fn rates_follow_size_cap_and_budget() {
        let settings = Settings::default();
        // 16 GiB would be 1165 pages a second.
        assert_eq!(scan_rates(&settings, 20.0, &[gib(16)]), [1024.0]);
        let small = scan_rates(&settings, 20.0, &[gib(1)])[0];
        assert!((small - 262_144.0 / 3600.0).abs() < 1e-9);
        // 20 GHz are good for 20,480 pages a second: less than forty VMs' 1024 each.
        let many = scan_rates(&settings, 20.0, &[gib(16); 40]);
        assert!((many.iter().sum::<f64>() - 20_480.0).abs() < 1e-6);
    }

    #[test]
    fn either_setting_turns_scanning_off() {
        let off = [
            Settings { share_scan_ghz: 0, ..Settings::default() },
            Settings { share_rate_max: 0, ..Settings::default() },
        ];
        for settings in &off {
            assert_eq!(scan_rates(settings, 4.0, &[gib(1)]), [0.0]);
        }
    }
}
