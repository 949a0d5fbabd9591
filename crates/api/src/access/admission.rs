//! For how long somebody is let in.
//!
//! **Model.** Who has a token is let in as long as it is valid. An answer without an end of its own, as the stream or a
//! console, ends when the token is removed or expires; what was asked before is not taken back.

use super::now;
use super::tokens::{Invalid, Tokens};
use model::{Problem, ProblemCode, Token};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait at most before looking at the clock again, which may be set meanwhile.
const LOOK: Duration = Duration::from_secs(5);

/// That somebody was let in. Every request that reaches its route has one.
#[derive(Clone)]
pub(crate) struct Admission {
    tokens: Arc<Tokens>,
    /// By which token; `None` for who needs none.
    token: Option<Token>,
}

impl Admission {
    pub(super) fn new(tokens: Arc<Tokens>, token: Option<Token>) -> Self {
        Self { tokens, token }
    }

    /// Returns once it is over, and says why.
    pub(crate) async fn over(&self) -> Problem {
        let Some(token) = &self.token else { return std::future::pending().await };
        let mut removals = self.tokens.removals();
        loop {
            // Seen before the token is looked for, so that no removal comes in between.
            removals.borrow_and_update();
            let now = now();
            if let Err(why) = self.tokens.still(token, now) {
                return ended(&token.name, why);
            }
            let left = token.expires_at_milliseconds.map(|end| Duration::from_millis(end - now));
            let look = left.map_or(LOOK, |left| left.min(LOOK));
            tokio::select! {
                // The sender is among the tokens, which are held here.
                _ = removals.changed() => {}
                () = tokio::time::sleep(look), if left.is_some() => {}
            }
        }
    }
}

fn ended(name: &str, why: Invalid) -> Problem {
    let why = match why {
        Invalid::Unknown => "was removed",
        Invalid::Expired => "has expired",
    };
    Problem::new(ProblemCode::BadToken, format!("the token {name} {why}"))
        .hint("'memtide token create' makes another")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Role, TokenSpec};
    use tempfile::TempDir;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(10);

    fn admitted(tokens: &Arc<Tokens>, name: &str, lifetime_seconds: Option<u64>) -> Admission {
        let spec = TokenSpec { name: name.to_owned(), role: Role::View, lifetime_seconds };
        let token = tokens.create(&spec).unwrap().token;
        Admission::new(Arc::clone(tokens), Some(token))
    }

    #[tokio::test]
    async fn it_is_over_when_its_token_is_and_not_when_another_is() {
        let place = TempDir::new().unwrap();
        let tokens = Arc::new(Tokens::open(place.path()));
        let [one, other] = ["one", "other"].map(|name| admitted(&tokens, name, None));
        let short = admitted(&tokens, "short", Some(1));
        tokens.remove("other").unwrap();
        let why = timeout(SOON, other.over()).await.unwrap();
        assert!(why.code == ProblemCode::BadToken && why.message.contains("other was removed"), "{why}");
        assert!(timeout(SOON, short.over()).await.unwrap().message.contains("short has expired"));
        let late = Duration::from_millis(50);
        assert!(timeout(late, one.over()).await.is_err());
        assert!(timeout(late, Admission::new(Arc::clone(&tokens), None).over()).await.is_err());
        let removal = async { tokens.remove("one").unwrap() };
        assert!(tokio::join!(timeout(SOON, one.over()), removal).0.is_ok());
    }

    #[tokio::test]
    async fn a_token_made_anew_under_the_same_name_is_another() {
        let place = TempDir::new().unwrap();
        let tokens = Arc::new(Tokens::open(place.path()));
        let before = admitted(&tokens, "ci", None);
        tokens.remove("ci").unwrap();
        std::thread::sleep(Duration::from_millis(2));
        let after = admitted(&tokens, "ci", None);
        assert!(timeout(SOON, before.over()).await.is_ok());
        assert!(timeout(Duration::from_millis(50), after.over()).await.is_err());
    }
}
