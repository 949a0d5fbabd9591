use super::*;
use model::Role;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn spec(name: &str, role: Role, lifetime_seconds: Option<u64>) -> TokenSpec {
    TokenSpec { name: name.to_owned(), role, lifetime_seconds }
}

#[test]
fn a_token_is_kept_without_its_secret() {
    let state = TempDir::new().unwrap();
    let tokens = Tokens::open(state.path());
    let made = tokens.create(&spec("ci", Role::Operate, None)).unwrap();
    assert_eq!(made.secret.len(), Token::PREFIX.len() + 64);
    let file = state.path().join("tokens.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"ci\"") && !text.contains(&made.secret[Token::PREFIX.len()..]), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Tokens::open(state.path());
    assert_eq!(again.list(), std::slice::from_ref(&made.token));
    assert_eq!(again.find(&made.secret, now()), Ok(made.token));
    again.remove("ci").unwrap();
    assert_eq!(again.find(&made.secret, now()), Err(Invalid::Unknown));
    assert_eq!(again.remove("ci").unwrap_err().code, ProblemCode::NoSuchToken);
    assert!(Tokens::open(state.path()).list().is_empty());
}

#[test]
fn only_the_very_secret_will_do_and_only_in_its_time() {
    let state = TempDir::new().unwrap();
    let tokens = Tokens::open(state.path());
    let made: Vec<NewToken> =
        [("a", Role::View, None), ("b", Role::Operate, Some(60)), ("c", Role::Administer, None)]
            .map(|(name, role, lifetime)| tokens.create(&spec(name, role, lifetime)).unwrap())
            .into();
    for made in &made {
        assert_eq!(tokens.find(&made.secret, now()).as_ref(), Ok(&made.token));
    }
    let mut wrong = made[0].secret.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for wrong in [&wrong, "", "memtide_", &made[0].secret[1..], &made[0].secret.to_uppercase()] {
        assert_eq!(tokens.find(wrong, now()), Err(Invalid::Unknown), "{wrong}");
    }
    let end = made[1].token.expires_at_milliseconds.unwrap();
    assert!(tokens.find(&made[1].secret, end - 1).is_ok());
    assert_eq!(tokens.find(&made[1].secret, end), Err(Invalid::Expired));
}

#[test]
fn what_cannot_be_a_token_is_refused() {
    let state = TempDir::new().unwrap();
    let tokens = Tokens::open(state.path());
    tokens.create(&spec("ci", Role::View, None)).unwrap();
    let refused =
        |name: &str, lifetime| tokens.create(&spec(name, Role::View, lifetime)).map(|_| ()).unwrap_err().code;
    assert_eq!(refused("ci", None), ProblemCode::Exists);
    for name in ["", "a b", "a/b", "ü", "memtide_1", &"x".repeat(41)] {
        assert_eq!(refused(name, None), ProblemCode::BadName, "{name}");
    }
    for lifetime in [0, MOST_SECONDS + 1, u64::MAX] {
        assert_eq!(refused("x", Some(lifetime)), ProblemCode::BadField, "{lifetime}");
    }
    for number in 1..MOST_TOKENS {
        // Not through the disk each time.
        let token = Token { name: number.to_string(), ..tokens.list()[0].clone() };
        tokens.known.write().unwrap().push(Known { hash: [0; 32], token });
    }
    assert_eq!(refused("x", None), ProblemCode::TooManyTokens);
}

#[test]
fn when_a_token_was_used_is_kept_once_an_hour() {
    let state = TempDir::new().unwrap();
    let tokens = Tokens::open(state.path());
    let made = tokens.create(&spec("ci", Role::View, None)).unwrap();
    let at = |at: u64| tokens.used(&tokens.find(&made.secret, 0).unwrap(), at);
    assert!(at(5 * HOUR + 17));
    assert!(!at(6 * HOUR - 1));
    assert!(at(6 * HOUR));
    tokens.keep_used();
    let kept = Tokens::open(state.path()).list();
    assert_eq!(kept[0].last_used_at_milliseconds, Some(6 * HOUR));
}

#[test]
fn what_is_not_kept_is_not_there() {
    let state = TempDir::new().unwrap();
    let tokens = Tokens::open(&state.path().join("gone"));
    assert_eq!(
        tokens.create(&spec("ci", Role::View, None)).map(|_| ()).unwrap_err().code,
        ProblemCode::NotKept
    );
    assert!(tokens.list().is_empty());
}

#[test]
fn a_file_that_makes_no_sense_is_named() {
    let state = TempDir::new().unwrap();
    let good = "[[token]]\nsha256 = \"HASH\"\nname = \"ci\"\nrole = \"view\"\ncreated_at_milliseconds = 1\n";
    let write = |text: &str| std::fs::write(state.path().join("tokens.toml"), text).unwrap();
    write(&good.replace("HASH", &"0a".repeat(32)));
    assert_eq!(Tokens::open(state.path()).list().len(), 1);
    for bad in [good.to_owned(), good.replace("view", "root"), "[[tokens]]".to_owned(), "[[".to_owned()] {
        write(&bad);
        let tokens = Tokens::open(state.path());
        let error = tokens.create(&spec("new", Role::View, None)).map(|_| ()).unwrap_err();
        assert!(
            error.code == ProblemCode::BadFile && error.message.contains("tokens.toml"),
            "{}",
            error.message
        );
        assert_eq!(tokens.remove("ci").unwrap_err().code, ProblemCode::BadFile);
        tokens.keep_used();
        assert!(tokens.list().is_empty(), "nobody gets in");
        assert_eq!(std::fs::read_to_string(tokens.path()).unwrap(), bad, "it is as it was");
        assert!(tokens.look_again().is_some());
    }
    let tokens = Tokens::open(state.path());
    write(&good.replace("HASH", &"0a".repeat(32)));
    assert_eq!(tokens.look_again(), None);
    assert_eq!(tokens.list().len(), 1, "it was mended");
    tokens.create(&spec("new", Role::View, None)).unwrap();
    for wrong in ["directory", "pipe"] {
        std::fs::remove_file(tokens.path()).unwrap();
        let path = state.path().join(wrong);
        if wrong == "pipe" {
            rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        } else {
            std::fs::create_dir(&path).unwrap();
        }
        std::os::unix::fs::symlink(&path, tokens.path()).unwrap();
        let tokens = Tokens::open(state.path());
        assert!(tokens.look_again().unwrap().contains("and not a file"));
    }
}
