//! Tokens.

use crate::args::{Format, Token, TokenCreate};
use crate::error::Error;
use crate::print::{json, print};
use crate::remote::Remote;
use crate::verbs::each;
use crate::view;
use api::types::TokenSpec;

pub(super) fn token(remote: &Remote, verb: Token) -> Result<(), Error> {
    match verb {
        Token::Create(args) => create(remote, args),
        Token::Ls { output } => {
            let tokens = remote.wait(remote.client.tokens())?;
            match output.output {
                Format::Json => print(&json(&tokens)),
                Format::Table => print(&view::tokens(&tokens)),
            }
        }
        Token::Rm { names, output } => each(&names, output.output, |name| {
            remote.wait(remote.client.remove_token(name))?;
            Ok("removed")
        }),
    }
}

/// Prints the secret alone, to be put where it is needed.
fn create(remote: &Remote, args: TokenCreate) -> Result<(), Error> {
    let TokenCreate { name, role, lifetime, output } = args;
    let made =
        remote.wait(remote.client.create_token(&TokenSpec { name, role, lifetime_seconds: lifetime }))?;
    match output.output {
        Format::Json => print(&json(&made)),
        Format::Table => print(&format!("{}\n", made.secret)),
    }
}
