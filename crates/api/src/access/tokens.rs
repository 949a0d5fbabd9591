//! Tokens: who may ask over TCP.
//!
//! **Model.** A token is 256 random bits with a name and a role. It is shown once, when it is made; what is kept of it, in
//! `tokens.toml` in the state directory, is its SHA-256. For a password that would be too little, as passwords can be guessed and a
//! slow, salted hash makes that dear. Nobody guesses 256 random bits, however fast the hash, nor are two tokens ever alike.
//!
//! **Concurrency.** Who signs in takes a lock for a look. Who makes or removes a token writes the file first, holding only
//! the right to change, so that nobody waits for the disk, and nobody is told of a token that is not kept.
//!
//! **Failure.** The file is the old one or the new one. While one makes no sense there are no tokens: nobody gets in with one, and none
//! is made, as that would overwrite the file. It is looked at again ([`Tokens::look_again`]).

use super::now;
use addr::ByteSize;
use files::{Written, read_text, write_atomically};
use model::{NewToken, Problem, ProblemCode, Token, TokenSpec};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio::sync::watch;

/// Most tokens at once; each is compared with at each request.
const MOST_TOKENS: usize = 256;
/// Longest time a token may be valid, unless it is so for ever: ten years, in seconds.
const MOST_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// No file of so many tokens is longer.
const MOST_BYTES: ByteSize = ByteSize::kib(256);
/// Longest name.
const MOST_NAME: usize = 40;
/// When a token was used is known to the hour, in milliseconds: so the file is written once an hour at most for that.
const HOUR: u64 = 3_600_000;

/// As it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    sha256: String,
    #[serde(flatten)]
    token: Token,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Kept>,
}

/// A token and the hash of its secret.
#[derive(Clone)]
struct Known {
    hash: [u8; 32],
    token: Token,
}

/// Why a secret is none of a token's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Invalid {
    Unknown,
    Expired,
}

/// All tokens there are.
pub(crate) struct Tokens {
    path: PathBuf,
    known: RwLock<Vec<Known>>,
    /// Held to change them. Taken before `known`. Why their file cannot be read, if that is so.
    changes: Mutex<Option<String>>,
    /// Rung when one is removed.
    removed: watch::Sender<()>,
}

impl Tokens {
    /// Those kept in a state directory; none if they cannot be read.
    pub(crate) fn open(state: &Path) -> Self {
        let path = state.join("tokens.toml");
        let (known, unreadable) = match read(&path) {
            Ok(known) => (known, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let changes = Mutex::new(unreadable);
        Self { path, known: RwLock::new(known), changes, removed: watch::Sender::new(()) }
    }

    /// The file that they are kept in.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file again that could not be read; says why it still cannot. Waits for the disk.
    pub(super) fn look_again(&self) -> Option<String> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.is_some() {
            match read(&self.path) {
                Ok(known) => {
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
                    *changes = None;
                }
                Err(why) => *changes = Some(why),
            }
        }
        changes.clone()
    }

    /// The right to change them. A file that cannot be read is not overwritten.
    fn change(&self) -> Result<MutexGuard<'_, Option<String>>, Problem> {
        self.look_again();
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match &*changes {
            None => Ok(changes),
            Some(why) => Err(Problem::new(
                ProblemCode::BadFile,
                format!("{}: it cannot be read and is not overwritten: {why}", self.path.display()),
            )
            .hint("correct the file, or move it out of the state directory")),
        }
    }

    /// All, by name.
    pub(crate) fn list(&self) -> Vec<Token> {
        let mut tokens: Vec<Token> = self.read().into_iter().map(|known| known.token).collect();
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
        tokens
    }

    /// Makes one. Waits for the disk.
    pub(crate) fn create(&self, spec: &TokenSpec) -> Result<NewToken, Problem> {
        check(spec)?;
        let _changes = self.change()?;
        let mut known = self.read();
        if known.iter().any(|known| known.token.name == spec.name) {
            return Err(Problem::new(
                ProblemCode::Exists,
                format!("there is a token '{}' already", spec.name),
            )
            .hint("choose another name, or remove that one first"));
        }
        if known.len() >= MOST_TOKENS {
            return Err(Problem::new(
                ProblemCode::TooManyTokens,
                format!("there are {MOST_TOKENS} tokens already"),
            )
            .hint("remove those that are not used"));
        }
        let secret = secret()?;
        let now = now();
        let token = Token {
            name: spec.name.clone(),
            role: spec.role,
            created_at_milliseconds: now,
            expires_at_milliseconds: spec.lifetime_seconds.map(|seconds| now + seconds * 1000),
            last_used_at_milliseconds: None,
        };
        known.push(Known { hash: hash(&secret), token: token.clone() });
        self.keep(known).map_err(|error| self.not_kept(&error))?;
        Ok(NewToken { token, secret })
    }

    /// Removes one. Waits for the disk.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Problem> {
        let _changes = self.change()?;
        let mut known = self.read();
        let before = known.len();
        known.retain(|known| known.token.name != name);
        if known.len() == before {
            let problem = Problem::new(ProblemCode::NoSuchToken, format!("there is no token '{name}'"));
            return Err(Problem { details: Some(Box::new(json!({"name": name}))), ..problem }
                .hint("'memtide token ls' lists those there are"));
        }
        self.keep(known).map_err(|error| self.not_kept(&error))?;
        self.removed.send_replace(());
        Ok(())
    }

    /// Changes when a token is removed.
    pub(super) fn removals(&self) -> watch::Receiver<()> {
        self.removed.subscribe()
    }

    /// Whether a token that was found is still there, and valid at `now`.
    pub(super) fn still(&self, token: &Token, now: u64) -> Result<(), Invalid> {
        let is = |known: &Known| {
            known.token.name == token.name
                && known.token.created_at_milliseconds == token.created_at_milliseconds
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let token = &known.iter().find(|known| is(known)).ok_or(Invalid::Unknown)?.token;
        if token.is_expired(now) { Err(Invalid::Expired) } else { Ok(()) }
    }

    /// The token with this secret, if it is valid at `now`. Takes as long whichever it is.
    pub(super) fn find(&self, secret: &str, now: u64) -> Result<Token, Invalid> {
        let hash = hash(secret);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = u32::MAX;
        for (number, known) in (0u32..).zip(known.iter()) {
            let equal: Choice = known.hash.ct_eq(&hash);
            found.conditional_assign(&number, equal);
        }
        let token = &known.get(found as usize).ok_or(Invalid::Unknown)?.token;
        if token.is_expired(now) { Err(Invalid::Expired) } else { Ok(token.clone()) }
    }

    /// Notes that a token is used at `now`; says whether that is to be kept.
    pub(super) fn used(&self, token: &Token, now: u64) -> bool {
        let hour = Some(now - now % HOUR);
        if token.last_used_at_milliseconds == hour {
            return false;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for known in known.iter_mut().filter(|known| known.token.name == token.name) {
            known.token.last_used_at_milliseconds = hour;
        }
        true
    }

    /// Keeps what there is. Waits for the disk.
    pub(super) fn keep_used(&self) {
        let Ok(_changes) = self.change() else { return };
        // When a token was used is no reason to fail; the next hour tries again.
        let _ = self.write(&self.read());
    }

    fn read(&self) -> Vec<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// First on disk, then for all to see.
    fn keep(&self, known: Vec<Known>) -> io::Result<()> {
        self.write(&known)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    fn write(&self, known: &[Known]) -> io::Result<()> {
        let kept = |known: &Known| Kept { sha256: hex(&known.hash), token: known.token.clone() };
        let file = File { token: known.iter().map(kept).collect() };
        let text = toml::to_string_pretty(&file).expect("tokens can be written as TOML");
        // One that the disk does not confirm is there: that it is said is true of now, and as sure as the disk is.
        let (Written::Surely | Written::Unconfirmed(_)) = write_atomically(&self.path, text.as_bytes())?;
        Ok(())
    }

    fn not_kept(&self, error: &io::Error) -> Problem {
        Problem::new(ProblemCode::NotKept, format!("cannot write '{}': {error}", self.path.display()))
    }
}

/// The tokens in a file, or why they cannot be read.
fn read(path: &Path) -> Result<Vec<Known>, String> {
    let text = match read_text(path, MOST_BYTES) {
        Err(error) if error.is_not_found() => String::new(),
        text => text.map_err(|error| error.to_string())?,
    };
    let file: File = toml::from_str(&text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let known = file.token.into_iter().map(|Kept { sha256, token }| {
        let hash = bytes(&sha256).ok_or_else(|| format!("the sha256 of {} is none", token.name))?;
        Ok(Known { hash, token })
    });
    known.collect()
}

fn check(spec: &TokenSpec) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=MOST_NAME).contains(&spec.name.len()) || !spec.name.bytes().all(allowed) {
        let why = format!("a token's name is 1 to {MOST_NAME} letters, digits, '-', '_' and '.'");
        return Err(Problem::new(ProblemCode::BadName, why));
    }
    // Kept apart from any token by accident: names are written into logs.
    if spec.name.starts_with(Token::PREFIX) {
        return Err(Problem::new(
            ProblemCode::BadName,
            format!("a token's name does not begin with '{}'", Token::PREFIX),
        ));
    }
    match spec.lifetime_seconds {
        Some(seconds) if !(1..=MOST_SECONDS).contains(&seconds) => Err(Problem::new(
            ProblemCode::BadField,
            format!("lifetime_seconds: it is 1 to {MOST_SECONDS}, not {seconds}"),
        )),
        _ => Ok(()),
    }
}

fn secret() -> Result<String, Problem> {
    let mut random = [0; 32];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| Problem::new(ProblemCode::Internal, "the system gives no random numbers"))?;
    Ok(format!("{}{}", Token::PREFIX, hex(&random)))
}

fn hash(secret: &str) -> [u8; 32] {
    digest(&SHA256, secret.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    if !hex.is_ascii() || hex.len() != 64 {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests;
