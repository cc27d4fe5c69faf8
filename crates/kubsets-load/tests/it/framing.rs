//! HTTP/1.1 answers of every form, written byte by byte by a server that is no HTTP library.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kubsets_load::{ErrorKind, Generator, LoadReport, LoadSpec, Schedule, Target};

/// Serves connections one after the other, each on a thread: reads requests up to their empty line and lets `answer`
/// do what it wants; false closes the connection.
fn serve(answer: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (answer, connections) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let (mut seen, mut byte) = (Vec::new(), [0]);
                while let Ok(1) = stream.read(&mut byte) {
                    seen.push(byte[0]);
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        if !answer(&mut stream) {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, connections)
}

async fn run(url: &str, change: impl FnOnce(&mut LoadSpec)) -> LoadReport {
    // One user, so that a connection that can be used again is.
    let mut spec = LoadSpec::new(url, "closed:1".parse::<Schedule>().unwrap());
    spec.limits.rate = f64::INFINITY;
    spec.duration = Some(Duration::from_millis(300));
    spec.timeout = Duration::from_secs(5);
    change(&mut spec);
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert!(report.accounting.holds(), "{}", report.identity);
    assert!(report.accounting.planned > 1, "{}", report.identity);
    report
}

#[tokio::test]
async fn every_form_of_a_body_leaves_the_connection_usable() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 700\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
    ] {
        let (url, connections) = serve(move |stream| stream.write_all(text.as_bytes()).is_ok());
        let report = run(&url, |_| {}).await;
        assert_eq!(report.accounting.ok, report.accounting.planned, "{text} {:?}", report.total.errors);
        assert_eq!(connections.load(Ordering::Relaxed), 1, "{text}");
    }
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let (url, connections) = serve(|stream| {
        let text = b"HTTP/1.1 200 OK\r\nX-Kubsets-Version: 1.0\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        text.iter().all(|byte| stream.write_all(&[*byte]).is_ok())
    });
    let report = run(&url, |_| {}).await;
    assert_eq!(report.accounting.ok, report.accounting.planned, "{:?}", report.total.errors);
    assert_eq!(report.versions[0].accounting.ok, report.accounting.ok);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_to_a_head_has_no_body() {
    let (url, connections) =
        serve(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n").is_ok());
    let report = run(&url, |spec| spec.targets[0].method = "HEAD".to_owned()).await;
    assert_eq!(report.accounting.ok, report.accounting.planned);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_body_may_end_with_the_connection() {
    let (url, connections) = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end").unwrap();
        false
    });
    let report = run(&url, |_| {}).await;
    assert_eq!(report.accounting.ok, report.accounting.planned, "{:?}", report.total.errors);
    assert_eq!(connections.load(Ordering::Relaxed) as u64, report.accounting.planned);
}

#[tokio::test]
async fn more_than_an_answer_costs_the_connection_only() {
    let (url, connections) = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more than was said").is_ok()
    });
    let report = run(&url, |_| {}).await;
    assert_eq!(report.accounting.ok, report.accounting.planned, "{:?}", report.total.errors);
    assert!(connections.load(Ordering::Relaxed) as u64 >= report.accounting.planned);
}

#[tokio::test]
async fn a_long_body_is_read_to_its_end() {
    let body = vec![b'x'; 3 << 20];
    let (url, connections) = serve(move |stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&body).is_ok()
    });
    let report = run(&url, |_| {}).await;
    assert_eq!(report.accounting.ok, report.accounting.planned, "{:?}", report.total.errors);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_counts() {
    // More than fits on the way, so that the server answers and closes while it is being sent.
    let (url, _) = serve(|stream| {
        stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        // A close with unread bytes would reset the connection, and the answer with it.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        false
    });
    let report = run(&url, |spec| {
        let method = "POST".to_owned();
        spec.targets = vec![Target { method, body: "x".repeat(16 << 20), ..Target::get(url.clone()) }];
    })
    .await;
    assert_eq!(report.total.errors[&ErrorKind::Http4xx], report.accounting.failed);
    assert_eq!(report.accounting.failed, report.accounting.planned, "{:?}", report.total.errors);
}

#[tokio::test]
async fn what_is_no_http_is_a_protocol_error() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello",
    ] {
        let (url, _) = serve(move |stream| stream.write_all(text.as_bytes()).is_ok());
        let report = run(&url, |_| {}).await;
        assert_eq!(report.total.errors[&ErrorKind::Protocol], report.accounting.planned, "{text}");
    }
}
