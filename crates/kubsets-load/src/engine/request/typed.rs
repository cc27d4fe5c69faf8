//! HTTP/2 requests in the types of the `http` crate.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use rand_chacha::ChaCha8Rng;

use super::Trace;
use crate::target::Compiled;
use crate::template::Template;

/// The request type of HTTP/2 connections.
pub(crate) type Outgoing = Request<Full<Bytes>>;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A kind of request, made as far as it is always the same.
pub(super) struct Typed {
    method: Method,
    prefix: String,
    path: Template,
    uri: Option<Uri>,
    headers: HeaderMap,
    varying: Vec<(HeaderName, Template)>,
    body: Template,
    fixed_body: Option<Bytes>,
}

impl Typed {
    pub(super) fn new(target: &Compiled) -> Self {
        let scheme = if target.address.tls { "https" } else { "http" };
        let prefix = format!("{scheme}://{}", target.address.authority);
        let mut headers = HeaderMap::new();
        let mut varying = Vec::new();
        for (name, template) in &target.headers {
            match template.fixed().and_then(|text| HeaderValue::from_str(text).ok()) {
                Some(value) => _ = headers.append(name, value),
                None => varying.push((name.clone(), template.clone())),
            }
        }
        Self {
            method: target.method.clone(),
            uri: target.path.fixed().and_then(|path| format!("{prefix}{path}").parse().ok()),
            prefix,
            path: target.path.clone(),
            headers,
            varying,
            fixed_body: target.body.fixed().map(|text| Bytes::copy_from_slice(text.as_bytes())),
            body: target.body.clone(),
        }
    }

    pub(super) fn make(&self, seq: u64, rng: &mut ChaCha8Rng, trace: Option<&Trace>) -> Outgoing {
        let body = match &self.fixed_body {
            Some(body) => body.clone(),
            None => self.body.render(seq, rng).into(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = match &self.uri {
            Some(uri) => uri.clone(),
            // What a template adds to a path that was checked is digits, hex digits and dashes.
            None => format!("{}{}", self.prefix, self.path.render(seq, rng)).parse().unwrap_or_default(),
        };
        let mut headers = self.headers.clone();
        for (name, template) in &self.varying {
            let value = template.render(seq, rng);
            headers.append(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
        }
        if let Some(trace) = trace {
            let parent = HeaderValue::try_from(trace.to_string());
            headers.insert(TRACEPARENT, parent.expect("hex digits and dashes are legal in a header"));
        }
        *request.headers_mut() = headers;
        request
    }
}
