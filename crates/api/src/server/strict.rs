//! Connections in whose heads each line ends with CR and LF.
//!
//! **Model.** What reads HTTP here takes a line that ends with LF alone; a proxy before it may not, and two that read one head differently
//! can be had to disagree about where a request ends. So such an LF is made a NUL, which no head may have, before anybody reads it: the answer is a
//! 400. For that the heads have to be told from bodies: by `content-length`. A request with a body in chunks, or one that asks for another
//! protocol, is the last of its connection ([`is_last`]), and nothing is looked at after its head.
//!
//! **Sources.** RFC 9112, 2.2 and 6.

use axum::http::{HeaderMap, header};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose heads are looked through.
pub(super) struct Strict<S> {
    stream: S,
    reader: Reader,
}

/// Where in what comes.
enum Reader {
    /// In a head, of which there is this.
    Head(Vec<u8>),
    /// In a body, of which so much is to come.
    Body(u64),
    /// In what is not looked at any more.
    Rest,
}

/// Whether nothing may come on the connection after a request with these headers.
pub(super) fn is_last(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) || headers.contains_key(header::UPGRADE)
}

impl Reader {
    /// Goes on through what came.
    fn pass(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match self {
                Self::Head(head) => {
                    let byte = &mut bytes[at];
                    if *byte == b'\n' && head.last() != Some(&b'\r') {
                        *byte = 0;
                    }
                    head.push(*byte);
                    at += 1;
                    if head == b"\r\n" {
                        // Before a request there may be an empty line.
                        head.clear();
                    } else if head.ends_with(b"\r\n\r\n") {
                        *self = Self::after(head);
                    } else if head.len() > super::MOST_HEAD {
                        // It is refused for its length.
                        *self = Self::Rest;
                    }
                }
                Self::Body(left) => {
                    let here = (*left).min((bytes.len() - at) as u64);
                    *left -= here;
                    at += here as usize;
                    if *left == 0 {
                        *self = Self::Head(Vec::new());
                    }
                }
                Self::Rest => return,
            }
        }
    }

    /// What comes after a head.
    fn after(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let fields = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let mut length = None;
        for (name, value) in fields {
            if [header::TRANSFER_ENCODING, header::UPGRADE]
                .iter()
                .any(|last| name.eq_ignore_ascii_case(last.as_str()))
            {
                return Self::Rest;
            }
            if name.eq_ignore_ascii_case("content-length") {
                // What is no number is refused.
                let Ok(number) = value.trim().parse() else { return Self::Rest };
                length = Some(number);
            }
        }
        match length {
            None | Some(0) => Self::Head(Vec::new()),
            Some(left) => Self::Body(left),
        }
    }
}

impl<S> Strict<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, reader: Reader::Head(Vec::new()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.reader.pass(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of `text`, as it comes in parts of so many bytes.
    fn passed(text: &str, part: usize) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut reader = Reader::Head(Vec::new());
        bytes.chunks_mut(part).for_each(|part| reader.pass(part));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_a_head_that_ends_with_lf_alone_is_spoilt_and_bodies_are_not() {
        let good = "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\n\n";
        let bad = "GET /b HTTP/1.1\nhost: x\r\n\r\n";
        for part in [1, 2, 3, 7, 1000] {
            assert_eq!(passed(good, part), good);
            assert_eq!(passed(&format!("{good}\r\n{good}"), part), format!("{good}\r\n{good}"));
            let spoilt = bad.replacen("1.1\n", "1.1\0", 1);
            assert_eq!(
                passed(&format!("{good}{bad}"), part),
                format!("{good}{spoilt}"),
                "in parts of {part}"
            );
            assert_eq!(passed("GET / HTTP/1.1\r\nx: y\n\r\n", part), "GET / HTTP/1.1\r\nx: y\0\r\n");
            assert_eq!(passed("\nGET / HTTP/1.1\r\n\r\n", part), "\0GET / HTTP/1.1\r\n\r\n");
        }
    }

    #[test]
    fn what_is_the_last_is_looked_through_up_to_its_head() {
        for field in ["transfer-encoding: chunked", "Upgrade: websocket"] {
            let text = format!("GET / HTTP/1.1\r\n{field}\r\n\r\n\n\n5\nhello\n");
            assert_eq!(passed(&text, 4), text);
        }
    }
}
