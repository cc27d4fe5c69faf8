//! Requests made from targets: templates filled, host and trace headers added.

mod bytes;
mod typed;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) use self::typed::Outgoing;
use self::{bytes::Written, typed::Typed};
use crate::spec::{LoadSpec, Protocol};
use crate::target::Compiled;

/// Makes requests.
pub(crate) struct Factory {
    /// For HTTP/1.1.
    written: Vec<Written>,
    /// For HTTP/2.
    typed: Vec<Typed>,
    rng: ChaCha8Rng,
    seq: u64,
    step: u64,
    trace_ratio: Option<f64>,
}

/// Identifiers of a request for W3C Trace Context, version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trace {
    id: u128,
    span: u64,
    sampled: bool,
}

impl Trace {
    fn of(rng: &mut ChaCha8Rng, ratio: f64) -> Self {
        Self {
            id: rng.random::<u128>().max(1),
            span: rng.next_u64().max(1),
            sampled: rng.random::<f64>() < ratio,
        }
    }
}

/// The value of the header `traceparent`.
impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.id, self.span, u8::from(self.sampled))
    }
}

impl Factory {
    /// A factory for one of `spec.workers` workers, so that sequence numbers are unique over
    /// all of them.
    pub(crate) fn new(spec: &LoadSpec, targets: &[Compiled], worker: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        let share = spec.share_of(worker);
        rng.set_stream(1_000_000 + share.index as u64);
        let http2 = spec.protocol == Protocol::Http2;
        let close = spec.protocol == Protocol::Http1PerRequest;
        let (of_http1, of_http2) = if http2 { (&[][..], targets) } else { (targets, &[][..]) };
        Self {
            written: of_http1.iter().map(|target| Written::new(target, close)).collect(),
            typed: of_http2.iter().map(Typed::new).collect(),
            rng,
            seq: share.index as u64,
            step: share.of as u64,
            trace_ratio: spec.trace_ratio,
        }
    }

    /// Writes the next request to a target into `out`, whose old content is lost. Its trace identifier, if it carries
    /// one, and whether it is a HEAD.
    pub(crate) fn write(&mut self, target: usize, out: &mut Vec<u8>) -> (Option<u128>, bool) {
        let (seq, trace) = self.next();
        let written = &mut self.written[target];
        written.fill(seq, &mut self.rng, trace.as_ref(), out);
        (trace.map(|trace| trace.id), written.is_head())
    }

    /// The next request to a target for HTTP/2, and its trace identifier if it carries one.
    pub(crate) fn make(&mut self, target: usize) -> (Outgoing, Option<u128>) {
        let (seq, trace) = self.next();
        (self.typed[target].make(seq, &mut self.rng, trace.as_ref()), trace.map(|trace| trace.id))
    }

    fn next(&mut self) -> (u64, Option<Trace>) {
        let seq = self.seq;
        self.seq += self.step;
        (seq, self.trace_ratio.map(|ratio| Trace::of(&mut self.rng, ratio)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use kubsets_schedule::Schedule;

    fn factory(change: impl FnOnce(&mut LoadSpec)) -> Factory {
        let mut spec = LoadSpec::new("http://127.0.0.1:81/a", Schedule::constant(1.0));
        change(&mut spec);
        let targets: Vec<_> = spec.targets.iter().map(|target| target.compile(&[]).unwrap()).collect();
        Factory::new(&spec, &targets, 0)
    }

    fn written(factory: &mut Factory) -> String {
        let mut out = b"of before".to_vec();
        factory.write(0, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn post() -> Target {
        Target {
            method: "POST".into(),
            headers: vec![("x-id".into(), "n-{{seq}}".into()), ("accept".into(), "*/*".into())],
            body: "{\"n\":{{seq}}}".into(),
            ..Target::get("http://127.0.0.1:81/orders/{{seq}}?x=1")
        }
    }

    #[test]
    fn templates_are_filled_in_both_forms() {
        let mut one = factory(|spec| spec.targets = vec![post()]);
        written(&mut one);
        let expected = "POST /orders/1?x=1 HTTP/1.1\r\nhost: 127.0.0.1:81\r\nx-id: n-1\r\naccept: */*\r\n\
            content-length: 7\r\n\r\n{\"n\":1}";
        assert_eq!(written(&mut one), expected);
        let mut two = factory(|spec| {
            spec.targets = vec![post()];
            spec.protocol = Protocol::Http2;
        });
        two.make(0);
        let (request, trace) = two.make(0);
        assert_eq!(request.uri(), "http://127.0.0.1:81/orders/1?x=1");
        assert_eq!(request.headers()["x-id"], "n-1");
        assert_eq!(request.headers()["accept"], "*/*");
        assert!(!request.headers().contains_key("host"));
        assert_eq!((request.method(), trace), (&http::Method::POST, None));
    }

    #[test]
    fn a_plain_request_is_as_short_as_can_be() {
        let mut get = factory(|_| {});
        assert_eq!(written(&mut get), "GET /a HTTP/1.1\r\nhost: 127.0.0.1:81\r\n\r\n");
        let mut close = factory(|spec| {
            spec.protocol = Protocol::Http1PerRequest;
            spec.targets[0].headers = vec![("Host".into(), "shop.example".into())];
            spec.targets[0].method = "PUT".into();
        });
        let expected =
            "PUT /a HTTP/1.1\r\nconnection: close\r\nhost: shop.example\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(written(&mut close), expected);
        let mut head = factory(|spec| spec.targets[0].method = "HEAD".into());
        assert_eq!(head.write(0, &mut Vec::new()), (None, true));
    }

    #[test]
    fn a_share_of_requests_is_sampled() {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut factory = factory(|spec| {
                spec.trace_ratio = Some(0.25);
                spec.protocol = protocol;
            });
            let mut sampled = 0;
            for _ in 0..4000 {
                let (parent, id) = if protocol == Protocol::Http2 {
                    let (request, id) = factory.make(0);
                    (request.headers()["traceparent"].to_str().unwrap().to_owned(), id)
                } else {
                    let mut out = Vec::new();
                    let (id, _) = factory.write(0, &mut out);
                    let text = String::from_utf8(out).unwrap();
                    let at = text.find("traceparent: ").unwrap() + 13;
                    assert!(text.ends_with("\r\n\r\n"));
                    (text[at..text.len() - 4].to_owned(), id)
                };
                assert_eq!(parent.len(), 55);
                assert_eq!(parent[3..35], format!("{:032x}", id.unwrap()));
                sampled += u32::from(parent.ends_with("-01"));
            }
            assert!((850..1150).contains(&sampled), "{sampled}");
        }
    }
}
