//! Requests made from targets: templates filled, host and trace headers added.

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::spec::{LoadSpec, Protocol};
use crate::target::Compiled;
use crate::template::Template;

/// The request type of the engine.
pub(crate) type Outgoing = Request<Full<Bytes>>;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Makes requests.
pub(crate) struct Factory {
    kinds: Vec<Kind>,
    rng: ChaCha8Rng,
    seq: u64,
    step: u64,
    trace_ratio: Option<f64>,
}

struct Kind {
    method: Method,
    prefix: String,
    path: Template,
    uri: Option<Uri>,
    headers: HeaderMap,
    varying: Vec<(HeaderName, Template)>,
    body: Template,
    fixed_body: Option<Bytes>,
}

impl Factory {
    /// A factory for one of `spec.workers` workers, so that sequence numbers are unique over all of them.
    pub(crate) fn new(spec: &LoadSpec, targets: &[Compiled], worker: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(1_000_000 + worker as u64);
        Self {
            kinds: targets.iter().map(|target| Kind::new(target, spec.protocol)).collect(),
            rng,
            seq: worker as u64,
            step: spec.workers as u64,
            trace_ratio: spec.trace_ratio,
        }
    }

    /// The next request to a target, and its trace identifier if it carries one.
    pub(crate) fn make(&mut self, target: usize) -> (Outgoing, Option<u128>) {
        let seq = self.seq;
        self.seq += self.step;
        let kind = &self.kinds[target];
        let body = match &kind.fixed_body {
            Some(body) => body.clone(),
            None => kind.body.render(seq, &mut self.rng).into(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = kind.method.clone();
        *request.uri_mut() = match &kind.uri {
            Some(uri) => uri.clone(),
            // What a template adds to a path that was checked is digits, hex digits and dashes.
            None => {
                format!("{}{}", kind.prefix, kind.path.render(seq, &mut self.rng)).parse().unwrap_or_default()
            }
        };
        let mut headers = kind.headers.clone();
        for (name, template) in &kind.varying {
            let value = template.render(seq, &mut self.rng);
            headers.append(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
        }
        let trace = self.trace_ratio.map(|ratio| trace(&mut self.rng, ratio));
        if let Some((_, parent)) = &trace {
            headers.insert(TRACEPARENT, parent.clone());
        }
        *request.headers_mut() = headers;
        (request, trace.map(|(id, _)| id))
    }
}

impl Kind {
    fn new(target: &Compiled, protocol: Protocol) -> Self {
        let prefix = match protocol {
            Protocol::Http2 => format!("http://{}", target.address.authority),
            Protocol::Http1 | Protocol::Http1PerRequest => String::new(),
        };
        let mut headers = HeaderMap::new();
        let has_host = target.headers.iter().any(|(name, _)| *name == HOST);
        if protocol != Protocol::Http2
            && !has_host
            && let Ok(host) = HeaderValue::from_str(&target.address.authority)
        {
            headers.insert(HOST, host);
        }
        if protocol == Protocol::Http1PerRequest {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
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
}

/// A trace identifier and the `traceparent` header with it (W3C Trace Context, version 00).
fn trace(rng: &mut ChaCha8Rng, ratio: f64) -> (u128, HeaderValue) {
    let id = rng.random::<u128>().max(1);
    let span = rng.next_u64().max(1);
    let sampled = u8::from(rng.random::<f64>() < ratio);
    let text = format!("00-{id:032x}-{span:016x}-{sampled:02x}");
    (id, HeaderValue::try_from(text).expect("hex digits and dashes are legal in a header"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;
    use crate::target::Target;

    fn factory(change: impl FnOnce(&mut LoadSpec)) -> Factory {
        let mut spec = LoadSpec::new("http://127.0.0.1:81/a", Schedule::constant(1.0));
        change(&mut spec);
        let targets: Vec<_> = spec.targets.iter().map(|target| target.compile(&[]).unwrap()).collect();
        Factory::new(&spec, &targets, 0)
    }

    #[test]
    fn host_path_and_templates() {
        let mut factory = factory(|spec| {
            spec.targets = vec![Target {
                method: "POST".into(),
                headers: vec![("x-id".into(), "n-{{seq}}".into()), ("accept".into(), "*/*".into())],
                body: "{\"n\":{{seq}}}".into(),
                ..Target::get("http://127.0.0.1:81/orders/{{seq}}")
            }];
        });
        factory.make(0);
        let (request, trace) = factory.make(0);
        assert_eq!(request.uri(), "/orders/1");
        assert_eq!(request.method(), "POST");
        assert_eq!(request.headers()["host"], "127.0.0.1:81");
        assert_eq!(request.headers()["x-id"], "n-1");
        assert_eq!(request.headers()["accept"], "*/*");
        assert_eq!(trace, None);
    }

    #[test]
    fn a_share_of_requests_is_sampled() {
        let mut factory = factory(|spec| spec.trace_ratio = Some(0.25));
        let mut sampled = 0;
        for _ in 0..4000 {
            let (request, id) = factory.make(0);
            let parent = request.headers()["traceparent"].to_str().unwrap();
            assert_eq!(parent.len(), 55);
            assert_eq!(parent[3..35], format!("{:032x}", id.unwrap()));
            sampled += u32::from(parent.ends_with("-01"));
        }
        assert!((850..1150).contains(&sampled), "{sampled}");
    }

    #[test]
    fn http2_names_the_authority_in_the_address() {
        let mut factory = factory(|spec| spec.protocol = Protocol::Http2);
        let (request, _) = factory.make(0);
        assert_eq!(request.uri(), "http://127.0.0.1:81/a");
        assert!(!request.headers().contains_key("host"));
    }
}
