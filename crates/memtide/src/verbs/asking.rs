//! The interface itself: any request, and who the host takes one for.

use crate::args::{Api, DocumentFormat};
use crate::error::Error;
use crate::print::{print_bytes, show};
use crate::remote::Remote;
use model::Caller;
use std::io::{Read, stdin};

/// Asks for a route, and prints the answer as it comes, or as a document.
pub(super) fn api(remote: &Remote, args: &Api) -> Result<(), Error> {
    let body = body(args.data.as_deref())?;
    let method = args.method.as_deref().unwrap_or(if body.is_some() { "POST" } else { "GET" });
    let mut answer = remote.wait(remote.client.raw(method, &args.path, body.unwrap_or_default().into()))?;
    let mut whole = Vec::new();
    while let Some(bytes) = remote.wait(answer.next())? {
        if args.output.output == DocumentFormat::Table {
            print_bytes(&bytes)?;
        } else {
            whole.extend(bytes);
        }
    }
    if args.output.output == DocumentFormat::Table {
        return Ok(());
    }
    // What was done and has no answer is null.
    let whole = if whole.is_empty() { b"null".to_vec() } else { whole };
    let document: serde_json::Value = serde_json::from_slice(&whole)
        .map_err(|_| Error::new("the answer is no JSON").hint("without -o it is printed as it is"))?;
    show(&document, args.output.output, |_| String::new())
}

/// What is to be sent: as it was given, or from standard input.
fn body(data: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
    match data {
        Some("-") => {
            let mut bytes = Vec::new();
            stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Error::new(format!("cannot read standard input: {error}")))?;
            Ok(Some(bytes))
        }
        data => Ok(data.map(|data| data.as_bytes().to_vec())),
    }
}

pub(super) fn whoami(remote: &Remote, format: DocumentFormat) -> Result<(), Error> {
    let caller = remote.wait(remote.client.whoami())?;
    show(&caller, format, |Caller { who, role, is_local, .. }| {
        let by = if *is_local { "let in by the socket's mode" } else { "known by a token" };
        format!("{who} may {role}: {by}\n")
    })
}
