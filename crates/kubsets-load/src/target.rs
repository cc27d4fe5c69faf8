//! What is asked: address, method, headers, body, and weight among several targets.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::guard::{Address, GuardError, guard};
use crate::shown::shown;
use crate::template::{Template, TemplateError};

/// One kind of request. Path, header values and body may hold the placeholders `{{seq}}` and `{{uuid}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Name in reports; the method and address, without values of its query, if empty.
    #[serde(default)]
    pub name: String,
    /// `http://host[:port]/path`, or `https` for TLS.
    pub url: String,
    /// Method, `GET` by default.
    #[serde(default = "get")]
    pub method: String,
    /// Header names and values in their order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Body; empty means none.
    #[serde(default)]
    pub body: String,
    /// Share among the targets: 3 gets three times the requests of 1. At least 1.
    #[serde(default = "one")]
    pub weight: u32,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> u32 {
    1
}

/// A target that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The address is refused.
    #[error("target refused")]
    Guard(#[from] GuardError),
    /// A placeholder is wrong.
    #[error("bad template in the {place}")]
    Template {
        /// Where it stands.
        place: String,
        /// What is wrong.
        #[source]
        source: TemplateError,
    },
    /// The method is no HTTP method.
    #[error("`{0}` is no HTTP method")]
    Method(String),
    /// A header cannot be sent.
    ///
    /// Its value is not told, because it may be secret.
    #[error("header `{name}` cannot be sent: a name or a value has letters that HTTP does not allow")]
    Header {
        /// Header name as given.
        name: String,
    },
    /// A header that says where the body ends, which the generator does by itself.
    #[error("header `{0}` is set by the load generator itself")]
    Framing(HeaderName),
    /// The path cannot be sent.
    #[error("path `{0}` cannot be sent")]
    Path(String),
    /// A weight of zero.
    #[error("target `{0}` has weight 0: leave it out instead")]
    Weight(String),
}

impl Target {
    /// `GET` of an address with weight 1.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            name: String::new(),
            url: url.into(),
            method: get(),
            headers: Vec::new(),
            body: String::new(),
            weight: one(),
        }
    }

    /// The name in reports; without one the [request](Self::request).
    pub fn label(&self) -> String {
        if self.name.is_empty() { self.request() } else { self.name.clone() }
    }

    /// Method and address [as they are told](shown).
    pub fn request(&self) -> String {
        format!("{} {}", self.method, shown(&self.url))
    }

    /// Checks everything and splits it for the engine.
    pub(crate) fn compile(&self, allow: &[String]) -> Result<Compiled, TargetError> {
        let address = guard(&self.url, allow)?;
        if self.weight == 0 {
            return Err(TargetError::Weight(self.label()));
        }
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| TargetError::Method(self.method.clone()))?;
        let path = template("path", &address.path)?;
        if let Some(fixed) = path.fixed()
            && fixed.parse::<http::uri::PathAndQuery>().is_err()
        {
            return Err(TargetError::Path(shown(fixed)));
        }
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let bad = || TargetError::Header { name: name.clone() };
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            if parsed == CONTENT_LENGTH || parsed == TRANSFER_ENCODING {
                return Err(TargetError::Framing(parsed));
            }
            let value_template = template(&format!("header {name}"), value)?;
            HeaderValue::from_str(value).map_err(|_| bad())?;
            headers.push((parsed, value_template));
        }
        let body = template("body", &self.body)?;
        Ok(Compiled { address, method, path, headers, body, weight: self.weight })
    }
}

/// A checked target.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) address: Address,
    pub(crate) method: Method,
    pub(crate) path: Template,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: Template,
    pub(crate) weight: u32,
}

fn template(place: &str, text: &str) -> Result<Template, TargetError> {
    Template::parse(text).map_err(|source| TargetError::Template { place: place.to_owned(), source })
}

/// Picks targets in proportion to their weights, evenly interleaved (smooth weighted round robin).
#[derive(Debug, Clone)]
pub(crate) struct Mixer {
    weights: Vec<i64>,
    credit: Vec<i64>,
    total: i64,
}

impl Mixer {
    pub(crate) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        let total = weights.iter().sum();
        Self { credit: vec![0; weights.len()], weights, total }
    }

    pub(crate) fn pick(&mut self) -> usize {
        if self.weights.len() <= 1 {
            return 0;
        }
        let mut best = 0;
        for (index, credit) in self.credit.iter_mut().enumerate() {
            *credit += self.weights[index];
        }
        for index in 1..self.credit.len() {
            if self.credit[index] > self.credit[best] {
                best = index;
            }
        }
        self.credit[best] -= self.total;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept_and_interleaved() {
        let mut mixer = Mixer::new([5, 1, 1]);
        let picks: Vec<usize> = (0..7).map(|_| mixer.pick()).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
        let many: usize = (0..7000).filter(|_| mixer.pick() == 0).count();
        assert_eq!(many, 5000);
    }

    #[test]
    fn only_the_address_is_needed_in_a_file() {
        let target: Target = serde_json::from_str(r#"{"url": "http://127.0.0.1/"}"#).unwrap();
        assert_eq!(target, Target::get("http://127.0.0.1/"));
        let error = serde_json::from_str::<Target>(r#"{"url": "x", "wait": 1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `wait`"), "{error}");
    }

    #[test]
    fn a_name_tells_no_value_of_the_address() {
        let target = Target::get("http://u:p@127.0.0.1/x?token=s3cret&n={{seq}}");
        assert_eq!(target.label(), "GET http://VALUE@127.0.0.1/x?token=VALUE&n=VALUE");
        assert_eq!(Target { name: "x".into(), ..target }.label(), "x");
    }

    #[test]
    fn faults_are_found_before_the_start() {
        let with = |change: fn(&mut Target)| {
            let mut target = Target::get("http://127.0.0.1/x");
            change(&mut target);
            target.compile(&[]).map(|_| ()).unwrap_err().to_string()
        };
        assert_eq!(with(|t| t.method = "G T".into()), "`G T` is no HTTP method");
        assert_eq!(
            with(|t| t.weight = 0),
            "target `GET http://127.0.0.1/x` has weight 0: leave it out instead"
        );
        assert_eq!(with(|t| t.body = "{{x}}".into()), "bad template in the body");
        let error = with(|t| t.headers.push(("a b".into(), "of-a-secret".into())));
        assert!(
            error.starts_with("header `a b` cannot be sent") && !error.contains("of-a-secret"),
            "{error}"
        );
        assert_eq!(
            with(|t| t.headers.push(("Content-Length".into(), "1".into()))),
            "header `content-length` is set by the load generator itself"
        );
        assert_eq!(with(|t| t.url = "http://127.0.0.1/a b".into()), "path `/a b` cannot be sent");
        assert_eq!(
            with(|t| t.url = "http://127.0.0.1/a b?t=s3cret".into()),
            "path `/a b?t=VALUE` cannot be sent"
        );
        assert_eq!(with(|t| t.url = "http://example.org/".into()), "target refused");
    }
}
