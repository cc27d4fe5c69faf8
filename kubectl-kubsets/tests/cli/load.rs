//! `load`: refusals before anything is sent, and a short run on a server in this process.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::run::Surroundings;

/// A server that answers every request with 200, until the test ends.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-kubsets-version: 1.0\r\n\r\nok";
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}/")
}

#[test]
fn strangers_are_not_loaded() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["load", "http://example.com/"]));
}

#[test]
fn wrong_values_are_refused_with_the_accepted_form() {
    let here = Surroundings::new();
    let target = "http://127.0.0.1:1/";
    for args in [
        &["load", target, "--rate", "fast"][..],
        &["load", target, "--rate", "0"],
        &["load", target, "--rate", "20000"],
        &["load", target, "--duration", "20"],
        &["load", target, "--rate", "closed:20"],
        &["load", target, "--rate", "closed:20/100ms", "--connections", "7"],
        &["load", target, "--max-rate", "NaN"],
        &["load", target, "--fail-if", "p98 > 5ms"],
        &["load", target, "--in-cluster", "--fail-if", "p99[5s] > 5ms"],
        &["load", target, "--connections", "0"],
        &["load", target, "-H", "nocolon"],
        &["load", "https://example.com/"],
        &["load", "https://127.0.0.1/", "--ca-file", "absent-file"],
        &["load", target, "--metrics-listen", "0.0.0.0:9095"],
        &["load", target, "--targets", "targets.yaml"],
        &["load", "--targets", "absent-file"],
        &["load", target, "--pods", "3"],
        &["load", target, "--replay", "absent-file", "--rate", "5"],
    ] {
        let output = here.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_server_that_is_not_there_has_no_good_answers() {
    let here = Surroundings::new();
    let loaded = here.run(&["load", "http://127.0.0.1:1/", "--rate", "20", "--duration", "1s"]);
    let (told, said) = (String::from_utf8_lossy(&loaded.stdout), String::from_utf8_lossy(&loaded.stderr));
    assert!(told.starts_with("20 requests/s for 1.0 s (open loop, http/1.1): "), "{told}");
    assert!(said.contains(", 20 requests/s (open loop), http/1.1, "), "{said}");
}

#[test]
fn every_planned_request_is_accounted_for() {
    let (here, url) = (Surroundings::new(), server());
    let csv = here.home().join("seconds.csv");
    let args = [
        "load",
        &url,
        "--rate",
        "50",
        "--duration",
        "2s",
        "-o",
        "json",
        "--csv",
        csv.to_str().expect("UTF-8"),
    ];
    let output = here.run(&args);
    // A busy machine may make the run invalid (3); the figures still add up.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(report["kind"], "LoadReport");
    let count = |name: &str| report["accounting"][name].as_u64().unwrap_or_default();
    assert_eq!(count("planned"), 100);
    let rest = ["ok", "failed", "timedOut", "inFlightAtEnd", "neverSent"].map(count).iter().sum::<u64>();
    assert_eq!(rest, 100);
    let lines = std::fs::read_to_string(csv).expect("is written").lines().count();
    assert!(lines >= 3, "a head and two seconds, got {lines}");
}

#[test]
fn a_crossed_threshold_fails() {
    let (here, url) = (Surroundings::new(), server());
    let output = here.run(&["load", &url, "--rate", "20", "--duration", "1s", "--fail-if", "rate < 1000"]);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("crossed: rate < 1000, measured"), "{text}");
    assert!(text.contains("planned 20 = ok"), "{text}");
}

#[test]
fn thresholds_are_test_cases() {
    let (here, url) = (Surroundings::new(), server());
    let file = here.home().join("results.xml");
    let rules = ["--fail-if", "rate < 1000", "--fail-if", "p99 > 60s"];
    let args = ["load", &url, "--rate", "20", "--duration", "1s", "--junit", file.to_str().expect("UTF-8")];
    let output = here.run(&[&args[..], &rules[..]].concat());
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(file).expect("is written");
    assert!(text.contains("<testsuite name=\"load\" tests=\"3\" failures=\"1\""), "{text}");
    for part in [
        "<testcase name=\"the load generator kept up to the end\" classname=\"load.generator\"",
        "<testcase name=\"not rate &lt; 1000\" classname=\"load.thresholds\" time=\"0.000\">",
        "<failure message=\"rate &lt; 1000, measured ",
        "<testcase name=\"not p99 &gt; 60000ms\" classname=\"load.thresholds\" time=\"0.000\"/>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(here.run(&["load", &url, "--find-max", "--junit", "x.xml"]).status.code(), Some(2));
}

#[test]
fn a_limit_that_refuses_says_what_raises_it() {
    let (here, target) = (Surroundings::new(), "http://127.0.0.1:1/");
    for (args, flag) in [
        (["load", target, "--rate", "20000"], "--max-rate raises the limit"),
        (["load", target, "--duration", "1h"], "--max-duration raises the limit"),
        (["load", target, "--rate", "closed:20"], "raise the limit with --max-rate (none if they do not)"),
    ] {
        let text = String::from_utf8_lossy(&here.run(&args).stderr).into_owned();
        assert!(text.contains(flag), "{args:?}: {text}");
    }
}

#[test]
fn a_rule_over_a_window_names_the_worst_one() {
    let (here, url) = (Surroundings::new(), server());
    let rules = ["--fail-if", "rate[1s] < 1000", "--fail-if", "p50[2s] > 10s"];
    let output = here.run(&[&["load", &url, "--rate", "20", "--duration", "2s"][..], &rules].concat());
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("crossed: rate[1s] < 1000, measured"), "{text}");
    assert!(!text.contains("crossed: p50[2s]"), "{text}");
}

/// The page of a short load.
pub(crate) fn page(here: &Surroundings) -> String {
    let (url, file) = (server(), here.home().join("load.html"));
    let page = file.to_str().expect("UTF-8");
    let header = "authorization: Bearer of-a-secret";
    let args =
        ["load", &url, "--rate", "50", "--duration", "2s", "-H", header, "--slo", "99%", "--html", page];
    let output = here.run(&args);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("of the error budget burnt") && text.contains("BURN RATE OVER"), "{text}");
    std::fs::read_to_string(file).expect("is written")
}

#[test]
fn a_page_tells_the_load_without_what_may_be_secret() {
    let text = page(&Surroundings::new());
    for word in [
        "http://127.0.0.1:",
        "VALID",
        "p99 latency",
        "planned 100 =",
        "kubectl kubsets load",
        "1.0",
        "Spread of the latency, second by second",
        "Error budget burnt",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("of-a-secret"));
    assert!(text.len() < 1 << 20, "{} bytes", text.len());
}

#[test]
fn pods_take_parts_of_one_load_and_print_them_on_one_line() {
    let (here, url) = (Surroundings::new(), server());
    let order = serde_json::json!({
        "targets": [{"url": url}], "schedule": "60", "replay": null, "durationMs": 1000, "http2": false,
        "freshConnections": false, "connections": 8, "timeoutMs": 1000, "traceRatio": null, "insecure": false,
        "authorities": null, "allowHosts": [], "maxRate": null, "seed": 1,
    });
    let start = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("is later");
    let start = (start.as_millis() + 500).to_string();
    let file = here.home().join("order.json");
    std::fs::write(&file, order.to_string()).expect("is written");
    let order = file.to_str().expect("UTF-8");
    let reports = ["0", "1", "2"].map(|index| {
        // One after the other: the instant is over for the later ones, which is a failure that they tell.
        here.run(&[
            "internal",
            "load-pod",
            "--start-unix-ms",
            &start,
            "--pods",
            "3",
            "--index",
            index,
            "--order",
            order,
        ])
    });
    let [first, second, _] = reports;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let line = String::from_utf8(first.stdout).expect("is text");
    assert_eq!(line.lines().count(), 1);
    let parcel: kubsets_load::Parcel = serde_json::from_str(line.trim()).expect("is a parcel");
    let report = parcel.open().expect("is whole");
    assert_eq!(report.accounting.planned, 20);
    assert!(report.accounting.holds());
    assert_eq!(second.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&second.stderr).contains("after the common start"));
}

#[test]
fn targets_of_a_file_get_their_shares() {
    let (here, url) = (Surroundings::new(), server());
    let file = here.home().join("targets.yaml");
    let text = format!("- {{name: often, url: {url}, weight: 3}}\n- {{name: seldom, url: {url}}}\n");
    std::fs::write(&file, text).expect("is written");
    let args = ["load", "--targets", "targets.yaml", "--rate", "40", "--duration", "1s", "-o", "json"];
    let output = here.run(&args);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let planned = |index: usize| report["targets"][index]["accounting"]["planned"].as_u64();
    assert_eq!((planned(0), planned(1)), (Some(30), Some(10)));
    assert_eq!(report["targets"][0]["name"], "often");
}

#[test]
fn a_server_that_answers_nothing_is_not_fast() {
    let refused =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free");
    let (url, rule) = (format!("http://{refused}/"), "p99 > 50ms");
    let args = ["load", &url, "--rate", "20", "--duration", "1s", "--fail-if", rule];
    let output = Surroundings::new().run(&args);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("crossed: p99 > 50ms, but no request has a latency (planned 20 ="), "{text}");
}

/// An API server whose namespaces are nobody's in particular; what it was asked comes out of the channel.
fn api() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("is bound");
    let (sender, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), mut buffer) = (stream, [0; 4096]) else { return };
            let Ok(length) = stream.read(&mut buffer) else { continue };
            let text = String::from_utf8_lossy(&buffer[..length]);
            let line = text.lines().next().unwrap_or_default().to_owned();
            let body = if line.starts_with("GET /version") {
                r#"{"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#
            } else {
                r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}}"#
            };
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            if sender.send(line).is_err() || write!(stream, "{head} {}\r\n\r\n{body}", body.len()).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}"), asked)
}

#[test]
fn pods_send_from_namespaces_that_are_ours_alone() {
    let (here, (server, asked)) = (Surroundings::new(), api());
    let kubeconfig = here.home().join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{}}}}], \
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(&kubeconfig, text).expect("is written");
    let kubeconfig = kubeconfig.to_str().expect("UTF-8");
    let load =
        ["load", "http://web/", "--in-cluster", "--yes", "-n", "production", "--kubeconfig", kubeconfig];
    let output = here.run(&load);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("namespace production does not carry"), "{told}");
    let asked: Vec<String> = asked.try_iter().collect();
    assert!(asked.iter().any(|line| line.starts_with("GET /api/v1/namespaces/production ")), "{asked:?}");
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
}

#[test]
fn a_terminated_load_tells_what_it_has() {
    let (here, url) = (Surroundings::new(), server());
    let args = ["load", &url, "--rate", "20", "--duration", "60s", "-o", "json"];
    let output = here.run_terminated(&args, std::time::Duration::from_secs(2));
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert!(report["accounting"]["planned"].as_u64().is_some_and(|planned| planned < 1200), "{report}");
}

#[test]
fn a_search_is_on_record() {
    let (here, url) = (Surroundings::new(), server());
    let state = here.home().join("state").to_string_lossy().into_owned();
    let args = ["load", &url, "--find-max", "--rate", "20", "--max-rate", "40", "--duration", "1s"];
    let output = here.run(&[&args[..], &["--state-dir", &state]].concat());
    if output.status.code() == Some(3) && output.stdout.is_empty() {
        return; // A busy machine spoils every trial: nothing was found that could be on record.
    }
    let list = here.run(&["report", "--list", "-o", "name", "--state-dir", &state]);
    let run = String::from_utf8(list.stdout).expect("is text").trim().to_owned();
    let told = here.run(&["report", &run, "-o", "markdown", "--state-dir", &state]);
    let text = String::from_utf8(told.stdout).expect("is text");
    for words in ["Highest rate of GET http://", "--find-max", "| 20 requests/s |"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn loads_are_on_record() {
    let (here, url) = (Surroundings::new(), server());
    let state = here.home().join("state").to_string_lossy().into_owned();
    let load = |more: &[&str]| {
        let header = "authorization: Bearer of-a-secret";
        let args = ["load", &url, "--rate", "20", "--duration", "1s", "-H", header, "--state-dir", &state];
        let output = here.run(&[&args[..], more].concat());
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    };
    load(&["--slo", "99.9%"]);
    load(&[]);
    load(&["--no-record"]);
    let output = |args: &[&str]| {
        let output = here.run(&[args, &["--state-dir", &state]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("is text")
    };
    let list = output(&["report", "--list", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("is JSON");
    let runs: Vec<&str> = list
        .pointer("/items")
        .unwrap_or(&list)
        .as_array()
        .expect("is a list")
        .iter()
        .map(|one| {
            assert_eq!(one["kind"], "load");
            one["run"].as_str().expect("has a name")
        })
        .collect();
    assert_eq!(runs.len(), 2);
    let text = output(&["report", runs[1], "-o", "markdown"]);
    for words in [
        "planned 20 =",
        "kubectl kubsets load",
        "99.9 %",
        "authorization: VALUE",
        "| kernel |",
        "GET http://",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let two = output(&["report", "--compare", runs[1], runs[0], "-o", "markdown"]);
    assert!(two.contains("p99"), "{two}");
    for run in runs {
        let file = std::fs::read_to_string(format!("{state}/runs/{run}/load-run.json")).expect("is there");
        assert!(!file.contains("of-a-secret") && file.len() < 1 << 16, "{} bytes", file.len());
    }
    assert_eq!(
        here.run(&["lab", "report", "--state-dir", &state]).status.code(),
        Some(2),
        "no lab is on record"
    );
}

#[test]
fn a_load_that_nobody_answers_is_no_success() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port was free");
    let target = format!("http://{closed}/");
    let output = Surroundings::new().run(&["load", &target, "--rate", "20", "--duration", "1s"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("hint: not one request was answered"), "{said}");
}
