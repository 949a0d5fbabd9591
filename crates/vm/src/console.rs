//! The VM's console: what the guest says through its ports, and what is typed to it.
//!
//! **Model.** A guest may speak through its serial port or its virtio console; a person sees one
//! stream. What is typed goes to the port that spoke last, which is the one the guest's login is on.
//!
//! **Concurrency.** The writer has a lock of its own, innermost: it is taken under devices' locks.

use crate::panic::Listener;
use parking_lot::Mutex;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a guest can be typed to through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Port {
    Serial = 0,
    Virtio = 1,
}

/// Where everything the guest says goes.
#[derive(Clone)]
pub(crate) struct Console {
    output: Arc<Mutex<Box<dyn Write + Send>>>,
    spoke_last: Arc<AtomicU8>,
    listener: Arc<Listener>,
}

impl Console {
    pub(crate) fn new(output: Box<dyn Write + Send>) -> Self {
        let spoke_last = Arc::new(AtomicU8::new(Port::Serial as u8));
        Self { output: Arc::new(Mutex::new(output)), spoke_last, listener: Arc::default() }
    }

    /// The writer for a port.
    pub(crate) fn port(&self, port: Port) -> Box<dyn Write + Send> {
        Box::new(PortWriter { console: self.clone(), port })
    }

    /// Who listens to all that is said.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// The port that spoke last.
    pub(crate) fn spoke_last(&self) -> Port {
        if self.spoke_last.load(Ordering::Relaxed) == Port::Virtio as u8 {
            Port::Virtio
        } else {
            Port::Serial
        }
    }
}

struct PortWriter {
    console: Console,
    port: Port,
}

impl Write for PortWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.console.spoke_last.store(self.port as u8, Ordering::Relaxed);
        let written = self.console.output.lock().write(bytes)?;
        self.console.listener.hear(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.console.output.lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_follows_the_port_that_spoke_last() {
        let console = Console::new(Box::new(io::sink()));
        assert_eq!(console.spoke_last(), Port::Serial);
        console.port(Port::Virtio).write_all(b"login: ").unwrap();
        assert_eq!(console.spoke_last(), Port::Virtio);
        console.port(Port::Serial).write_all(b"login: ").unwrap();
        assert_eq!(console.spoke_last(), Port::Serial);
    }
}
