//! Tokens.

use crate::args::{Token, TokenCreate};
use crate::error::Error;
use crate::list::tables::TOKENS;
use crate::print::show;
use crate::remote::Remote;
use crate::verbs::{Done, each};
use model::TokenSpec;

pub(super) fn token(remote: &Remote, verb: Token) -> Result<(), Error> {
    match verb {
        Token::Create(args) => create(remote, args),
        Token::Ls { list } => {
            let chosen = TOKENS.choose(&list)?;
            chosen.print(remote.wait(remote.client.tokens())?)
        }
        Token::Rm { names, output } => each(&names, output.output, |name| {
            remote.wait(remote.client.remove_token(name))?;
            Ok(Done::to(name, "removed"))
        }),
    }
}

/// Prints the secret alone, to be put where it is needed.
fn create(remote: &Remote, args: TokenCreate) -> Result<(), Error> {
    let TokenCreate { name, role, lifetime, output } = args;
    let made =
        remote.wait(remote.client.create_token(&TokenSpec { name, role, lifetime_seconds: lifetime }))?;
    show(&made, output.output, |made| format!("{}\n", made.secret))
}
