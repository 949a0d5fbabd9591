use super::*;
use crate::access::role::Asked;

fn caller(role: Role) -> Caller {
    Caller { who: "token ci".to_owned(), role, is_local: false, token: None }
}

fn asked<'a>(method: &'a Method, route: &'a str) -> Asked<'a> {
    Asked { method, route: Some(route), upgrade: false }
}

fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

#[test]
fn each_role_may_what_it_may_and_no_more() {
    let cases = [
        (asked(&Method::GET, "/healthz"), [true; 4]),
        (asked(&Method::GET, "/v1/vms"), [false, true, true, true]),
        (asked(&Method::POST, "/v1/vms/{name}/start"), [false, false, true, true]),
        (asked(&Method::POST, "/v1/tokens"), [false, false, false, true]),
    ];
    let callers = [None, Some(Role::View), Some(Role::Operate), Some(Role::Administer)];
    for (asked, may) in cases {
        for (role, may) in callers.into_iter().zip(may) {
            let decided = decide(asked, role.map(caller).as_ref());
            assert_eq!(decided.is_ok(), may, "{asked:?} {role:?}");
            let code = decided.err().map(|problem| problem.code);
            let expected = if role.is_none() { ProblemCode::NotSignedIn } else { ProblemCode::NotAllowed };
            assert!(code.is_none_or(|code| code == expected), "{asked:?} {role:?}");
        }
    }
}

#[test]
fn a_token_comes_in_a_header_or_as_a_websockets_protocol() {
    let bearer = headers(&[(header::AUTHORIZATION, "bEaReR  abc ")]);
    assert_eq!(presented(&bearer, false), Ok(Some("abc")));
    let protocol = headers(&[(header::SEC_WEBSOCKET_PROTOCOL, "memtide.console, memtide.bearer.abc")]);
    assert_eq!(presented(&protocol, true), Ok(Some("abc")));
    assert_eq!(presented(&protocol, false), Ok(None), "it is no WebSocket");
    assert_eq!(presented(&HeaderMap::new(), true), Ok(None));
    for bad in ["Basic YTpi", "abc", ""] {
        let headers = headers(&[(header::AUTHORIZATION, bad)]);
        assert_eq!(presented(&headers, false).unwrap_err().code, ProblemCode::BadToken, "{bad}");
    }
}
