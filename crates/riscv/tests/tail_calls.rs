//! Operations go on to one another by jumps: this very test's machine code is disassembled to see.

use std::process::Command;

#[test]
fn operations_go_on_by_jumps() {
    if cfg!(debug_assertions) {
        println!("SKIPPED: tail calls are not checked: builds with debug assertions have a loop instead");
        return;
    }
    // Whatever refers to `run` has all operations linked in.
    let run: fn(&mut riscv::Hart, u32) -> riscv::Exit = riscv::Hart::run;
    std::hint::black_box(run);
    let program = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/check-tail-calls"))
        .arg(program)
        .output()
        .expect("the script can be run");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "see what the script says above; {}", output.status);
}
