//! The terminal the screen is on.
//!
//! **Model.** One loop takes inputs, updates the model, and draws it if that changed it. The terminal is *taken* before,
//! and *given back* on every way out: at the end, by a panic, by signals. After the first signal the loop ends in order;
//! a second one ends the program at once, whose output may be stopped.

use super::draw::{Look, draw};
use super::feed::{ask, feed};
use super::model::{Input, Mode, Model, update};
use crate::error::Error;
use crate::remote::Remote;
use crate::view::Style;
use client::Client;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::terminal::disable_raw_mode;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Inputs that may wait.
const QUEUE: usize = 64;

pub(super) fn run(remote: &Remote, interval: u64) -> Result<(), Error> {
    // A host that is not there is said on the terminal as it was.
    let stream = remote.wait(remote.client.stream(None))?;
    let (leave, left) = channel(1);
    leave_on_signals(leave.clone())
        .map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
    let unusable = |error| Error::new(format!("cannot use the terminal: {error}"));
    let mut taken = Taken::take().map_err(unusable)?;
    let (sender, inputs) = channel(QUEUE);
    let keys = sender.clone();
    // Never joined: the program may end while it still reads.
    std::thread::spawn(move || {
        read_keys(&keys);
        // The terminal is gone.
        let _ = leave.try_send(());
    });
    let questions = Questions { client: remote.client.clone(), answers: sender };
    remote.run(async {
        tokio::spawn(feed(remote.client.clone(), stream, questions.answers.clone()));
        let model = Model::new(interval);
        follow(&mut taken.0, model, &questions, inputs, left).await.map_err(unusable)
    })
}

/// The way of questions to the host, and of answers back.
struct Questions {
    client: Client,
    answers: Sender<Input>,
}

/// The terminal while it belongs to the screen. Dropping it gives it back.
struct Taken(DefaultTerminal);

impl Taken {
    fn take() -> io::Result<Self> {
        // Also has a panic give the terminal back before it says anything.
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // If this fails the terminal is gone.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// Updates and draws until somebody leaves.
async fn follow(
    terminal: &mut DefaultTerminal,
    mut model: Model,
    questions: &Questions,
    mut inputs: Receiver<Input>,
    mut left: Receiver<()>,
) -> io::Result<()> {
    let look = Look::new(Style::of_stdout());
    while model.mode != Mode::Left {
        if model.changed {
            terminal.draw(|frame| draw(&model, look, frame))?;
            model.changed = false;
        }
        for question in model.asks.drain(..) {
            tokio::spawn(ask(questions.client.clone(), question, questions.answers.clone()));
        }
        tokio::select! {
            _ = left.recv() => break,
            Some(input) = inputs.recv() => model = update(model, input),
        }
        while let Ok(input) = inputs.try_recv() {
            model = update(model, input);
        }
    }
    Ok(())
}

/// Passes on keys and changes of size, as long as there is a terminal and somebody who wants them.
fn read_keys(inputs: &Sender<Input>) {
    while let Ok(event) = event::read() {
        let input = match event {
            Event::Key(key) => Input::Key(key),
            Event::Resize(..) => Input::Resized,
            _ => continue,
        };
        if inputs.blocking_send(input).is_err() {
            return;
        }
    }
}

fn leave_on_signals(leave: Sender<()>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        signals.forever().next();
        // If nobody receives it, the screen is left already.
        let _ = leave.try_send(());
        if let Some(signal) = signals.forever().next() {
            // No more than that: the terminal may take no output.
            let _ = disable_raw_mode();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
