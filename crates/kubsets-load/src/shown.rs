//! Addresses as they are told: without what may be secret.

/// What stands in the place of a value.
const VALUE: &str = "VALUE";

/// An address, or a path, without user, password and the values of its query: `http://VALUE@host/path?token=VALUE`.
///
/// All values go: which of them are harmless cannot be seen.
pub fn shown(address: &str) -> String {
    let address = address.split('#').next().unwrap_or_default();
    let (place, query) = match address.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (address, None),
    };
    let mut shown = match place.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", anonymous(rest)),
        None => anonymous(place),
    };
    if let Some(query) = query {
        let pairs: Vec<String> = query.split('&').map(nameless).collect();
        shown.push('?');
        shown.push_str(&pairs.join("&"));
    }
    shown
}

/// Host and path without the user before them.
fn anonymous(rest: &str) -> String {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{VALUE}@{host}{path}"),
        None => rest.to_owned(),
    }
}

/// A part of a query: its name; what has none is a value.
fn nameless(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) => format!("{name}={VALUE}"),
        None if part.is_empty() => String::new(),
        None => VALUE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_go_and_the_way_stays() {
        for (address, told) in [
            ("http://h:80/a/b", "http://h:80/a/b"),
            ("https://h/a?token=s3cret&n={{seq}}", "https://h/a?token=VALUE&n=VALUE"),
            ("http://u:p@h/?x=a=b&s3cret", "http://VALUE@h/?x=VALUE&VALUE"),
            ("http://u:p@w@h?x=/@", "http://VALUE@h?x=VALUE"),
            ("http://h/a@b", "http://h/a@b"),
            ("/a?x=1&&y=#s3cret", "/a?x=VALUE&&y=VALUE"),
            ("http://h/?", "http://h/?"),
        ] {
            assert_eq!(shown(address), told, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_left(user in "[a-z0-9:@=]{4,12}", secret in "[a-z0-9/:@=?]{4,12}", path in "/[A-Z]{0,5}") {
            let told = shown(&format!("http://{user}@h{path}?A={secret}&B=1#{secret}"));
            prop_assert_eq!(told, format!("http://VALUE@h{path}?A=VALUE&B=VALUE"));
        }
    }
}
