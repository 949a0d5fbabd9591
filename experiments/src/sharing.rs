//! Figure 4: sharing among one to ten VMs that are the same and do the same.
//!
//! Scans go at the rate of `Mem.ShareScanTime` and would take ten minutes at least for each point; here every
//! page is looked at twice once the guests have done their work, which comes to the same.

use crate::chart::Table;
use crate::lab::{Files, Guest, Lab, Trouble, mib};
use addr::{ByteSize, PageCount, VmId};
use machine::VmMemory;
use std::sync::Arc;

const SIZE: ByteSize = ByteSize::mib(128);
const MOST: usize = 10;

pub(crate) fn run(files: &Files) -> Result<Table, Trouble> {
    let columns = ["VMs", "shared", "saved", "zero, of the shared", "shared common"];
    let mut table = Table::new("Sharing among VMs of 128 MiB that are the same", "MiB", &columns);
    let settings = [("Mem.ShareForceSalting", 0), ("Mem.ShareScanGHz", 0)];
    let lab = Lab::new(ByteSize::mib(MOST as u64 * 128 + 512), &settings)?;
    let mut guests: Vec<Guest> = Vec::new();
    for number in 1..=MOST {
        let guest = lab.boot(files.vm(&format!("vm{number}"), SIZE))?;
        guest.ask("mt all")?;
        guests.push(guest);
        let memories: Vec<Arc<VmMemory>> = guests
            .iter()
            .filter_map(|guest| lab.host.vm(&guest.name))
            .map(|vm| Arc::clone(vm.memory()))
            .collect();
        let peer = |id: VmId| memories.iter().find(|memory| memory.id() == id).cloned();
        for _ in 0..2 {
            for memory in &memories {
                memory.scan(PageCount::try_from(SIZE).expect("whole pages"), &peer);
            }
        }
        let (mut shared, mut zero) = (0, 0);
        for memory in &memories {
            let census = memory.census();
            shared += census.shared.0 + census.zero.0;
            zero += census.zero.0;
        }
        let common = memories[0].pool().usage().shared.0;
        let size = |pages: u64| Some(mib(PageCount(pages).bytes()));
        eprintln!("{number} VMs: {shared} pages shared, {zero} of them zero, in {common} frames");
        table.push(&[Some(number as f64), size(shared), size(shared - common), size(zero), size(common)]);
    }
    lab.host.audit()?;
    Ok(table)
}
