//! `pipe`: two processes hand a number to and fro, so each trip is two switches of address space.

use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::time::Instant;

use crate::process;
use crate::program::{Failure, Outcome, Program, Report, ensure, required};

pub(crate) const PROGRAM: Program = Program {
    name: "pipe",
    purpose: "ping-pong between two processes over pipes",
    parameters: &[required("TRIPS")],
    quick: &[200],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let trips = values[0];
    let (mut from_parent, mut to_child) = pipe()?;
    let (mut from_child, mut to_parent) = pipe()?;
    let start = Instant::now();
    let child = process::fork(|| u8::from(echo(trips, &mut from_parent, &mut to_parent).is_err()))?;
    let played = play(trips, &mut to_child, &mut from_child);
    // The child ends by itself once it has answered all trips, or when its pipe is closed.
    drop(to_child);
    let status = child.wait()?;
    played?;
    ensure(status == 0, || String::from("the child could not read or write its pipe"))?;
    Ok(Report::new("pipe").with("trips", trips).timed(start))
}

/// The parent: send a number, expect its successor.
fn play(trips: u64, to_child: &mut PipeWriter, from_child: &mut PipeReader) -> Result<(), Failure> {
    for trip in 0..trips {
        to_child.write_all(&trip.to_le_bytes())?;
        let found = receive(from_child)?;
        ensure(found == trip + 1, || format!("trip {trip} came back as {found}"))?;
    }
    Ok(())
}

/// The child: answer each number with its successor.
fn echo(trips: u64, from_parent: &mut PipeReader, to_parent: &mut PipeWriter) -> io::Result<()> {
    for _ in 0..trips {
        let number = receive(from_parent)?;
        to_parent.write_all(&(number + 1).to_le_bytes())?;
    }
    Ok(())
}

fn receive(from: &mut PipeReader) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
