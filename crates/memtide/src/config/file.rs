//! The configuration file.

use super::{SERVICE_FILE, home};
use crate::args::Options;
use crate::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A configuration file, or that there is none.
pub(super) struct Found {
    /// Where it is or would be.
    pub(super) path: Option<PathBuf>,
    pub(super) exists: bool,
    pub(super) options: Options,
}

/// Reads the file that is named, or the user's own. One that nobody named may be missing, and so may the service's.
///
/// # Errors
/// If it cannot be read, or what is in it.
pub(super) fn find(named: Option<&Path>) -> Result<Found, Error> {
    let own = || Some(home("XDG_CONFIG_HOME", ".config")?.join("memtide/host.toml"));
    let Some(path) = named.map(Path::to_owned).or_else(own) else {
        return Ok(Found { path: None, exists: false, options: Options::default() });
    };
    let may_miss = named.is_none_or(|path| path == Path::new(SERVICE_FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Found { exists: true, options: parse(&path, &text)?, path: Some(path) }),
        Err(error) if may_miss && error.kind() == ErrorKind::NotFound => {
            Ok(Found { path: Some(path), exists: false, options: Options::default() })
        }
        Err(error) => {
            Err(Error::new(format!("cannot read the configuration file '{}': {error}", path.display()))
                .hint("--config takes a file in TOML"))
        }
    }
}

/// What a file says.
///
/// # Errors
/// With the first line that makes no sense.
pub(super) fn parse(path: &Path, text: &str) -> Result<Options, Error> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let number = text[..start].matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default().trim();
        let why = error.message().trim().replace('\n', ", ").replace("unknown field", "unknown key");
        Error::new(format!("'{}', line {number}: {why}, in: {line}", path.display())).hint(
            "mend the line or begin it with #; 'memtide host --help' says what each key takes, without the dashes",
        )
    })
}
