//! Where the sockets are, who may have which name, and who is there.

use crate::error::{Error, NOT_FOUND};
use crate::meant::closest;
use rustix::fs::{FlockOperation, flock};
use rustix::process::getuid;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A VM's name and its socket. The socket goes when this does.
pub(crate) struct Claim {
    name: String,
    path: PathBuf,
    listener: UnixListener,
}

impl Claim {
    /// Takes `name`, or the first free of vm1, vm2, and so on.
    ///
    /// # Errors
    /// If the name is not one, or a running VM has it.
    pub(crate) fn new(name: Option<&str>) -> Result<Self, Error> {
        let directory = runtime_directory();
        make(&directory)?;
        let _lock = lock(&directory)?;
        match name {
            Some(name) => {
                check_name(name)?;
                Self::take(&directory, name)?.ok_or_else(|| {
                    Error::new(format!("a VM named '{name}' is running already"))
                        .hint("give this one another name (--name); 'memtide ls' lists those that run")
                })
            }
            None => (1..)
                .find_map(|number| Self::take(&directory, &format!("vm{number}")).transpose())
                .expect("some number is free"),
        }
    }

    /// `None` if a running VM has the name.
    fn take(directory: &Path, name: &str) -> Result<Option<Self>, Error> {
        let path = socket(directory, name);
        if UnixStream::connect(&path).is_ok() {
            return Ok(None);
        }
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)
            .map_err(|error| Error::new(format!("cannot listen at '{}': {error}", path.display())))?;
        Ok(Some(Self { name: name.to_owned(), path, listener }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The socket, to listen at from another thread.
    pub(crate) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // If someone removed it already, it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// The names of the running VMs, in order.
pub(crate) fn names() -> Result<Vec<String>, Error> {
    let directory = runtime_directory();
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let _lock = lock(&directory)?;
    let entries = fs::read_dir(&directory).map_err(|error| unusable(&directory, &error))?;
    let mut names = Vec::new();
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "sock"))
    {
        match UnixStream::connect(&path) {
            Ok(_) => names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned())),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                // Left behind by a program that was killed.
                let _ = fs::remove_file(&path);
            }
            Err(_) => {}
        }
    }
    // vm2 before vm10.
    names.sort_by_key(|name| (name.len(), name.clone()));
    Ok(names)
}

/// Connects to a VM by name.
pub(crate) fn open(name: &str) -> Result<UnixStream, Error> {
    check_name(name)?;
    UnixStream::connect(socket(&runtime_directory(), name)).map_err(|_| {
        let running = names().unwrap_or_default();
        let error = Error::new(format!("no VM named '{name}' is running")).status(NOT_FOUND);
        if running.is_empty() {
            return error.hint("none is; 'memtide run' starts one");
        }
        let error = error.hint(format!("running: {}", running.join(", ")));
        match closest(name, running) {
            Some(meant) => error.first(&format!("did you mean '{meant}'?")),
            None => error,
        }
    })
}

fn socket(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.sock"))
}

/// Where the sockets of this user are.
pub(crate) fn runtime_directory() -> PathBuf {
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        return PathBuf::from(runtime).join("memtide");
    }
    let uid = getuid().as_raw();
    let runtime = PathBuf::from(format!("/run/user/{uid}"));
    if runtime.is_dir() { runtime.join("memtide") } else { PathBuf::from(format!("/tmp/memtide-{uid}")) }
}

/// Makes the directory unless it is there. In /tmp it could have been made by someone else.
pub(crate) fn make(directory: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(unusable(directory, &error)),
        _ => {}
    }
    let found = fs::symlink_metadata(directory).map_err(|error| unusable(directory, &error))?;
    if !found.is_dir() || found.uid() != getuid().as_raw() || found.mode() & 0o077 != 0 {
        let why = io::Error::other("it is not a directory for you alone");
        return Err(unusable(directory, &why));
    }
    Ok(())
}

/// Held while names are taken or removed.
fn lock(directory: &Path) -> Result<File, Error> {
    let file = File::open(directory).map_err(|error| unusable(directory, &error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| unusable(directory, &error.into()))?;
    Ok(file)
}

fn unusable(directory: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot use '{}' for control sockets: {error}", directory.display()))
        .hint("set XDG_RUNTIME_DIR to a directory of yours with mode 0700")
}

fn check_name(name: &str) -> Result<(), Error> {
    const MODES: [&str; 3] = ["automatic", "software", "hardware"];
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= 40 && name.chars().all(allowed) && !MODES.contains(&name) {
        return Ok(());
    }
    Err(Error::new(format!("'{name}' cannot be a VM's name"))
        .hint("a name is 1 to 40 letters, digits, '-', '_' and '.', begins with one of the first two, and is no MMU mode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names_and_no_modes() {
        for name in ["vm1", "web-server.2", "A_b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(41);
        for name in ["", "-a", ".", "../x", "a b", "software", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
