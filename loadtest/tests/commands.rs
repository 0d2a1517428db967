//! Each command, for a moment, as people run it.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[test]
fn a_run_against_quietroom_forwards_everything_as_it_was_sent() {
    let (output, records) = measured(&[
        "run",
        "--publishers",
        "2",
        "--subscribers",
        "4",
        "--audio",
        "--full",
        "0.5",
    ]);

    let record = &records[0];
    assert_eq!(record["target"], "quietroom", "{output:?}");
    assert_eq!(record["scenario"], "2x4");
    assert!(number(&record["while_joining"]["loss"]) < 0.05);
    assert!(number(&record["while_joining"]["packets"]) > 1.0);
    assert_eq!(records[1]["target"], "floor");
    assert!(number(&record["ratio_to_floor"]) > 0.5);
    assert!(number(&records[1]["delay_ms"]["p999"]) > 0.0);
    assert_eq!(record["srtp_profile"], "AEAD_AES_256_GCM");
    assert_eq!(record["frame_check"], "on");
    assert_eq!(record["dropped_by_frame_check"], 0);
    assert_eq!(record["faulty_packets"], 0);
    assert!(number(&record["checked_packets"]) > 50.0);
    assert!(number(&record["forwarded_packets_per_second"]) > 100.0);
    assert!(number(&record["cpu_ns_per_forwarded_packet"]) > 0.0);
    assert!(number(&record["join_ms"]["p95"]) > 0.0);
    assert!(number(&record["delay_ms"]["p50"]) > 0.0);
    assert!(number(&record["loss"]) < 0.05, "{output:?}");
}

#[test]
fn frames_of_another_epoch_are_dropped_by_the_server() {
    let (output, records) = measured(&[
        "run",
        "--no-floor",
        "--subscribers",
        "2",
        "--misframed",
        "0.3",
    ]);

    let record = &records[0];
    assert_eq!(record["frame_check"], "on", "{output:?}");
    assert!(number(&record["dropped_by_frame_check"]) > 3.0);
    assert_eq!(record["faulty_packets"], 0);
    assert!(number(&record["loss"]) > 0.15, "{output:?}");
}

#[test]
fn what_is_lost_on_either_way_is_sent_again() {
    let (output, records) = measured(&[
        "run",
        "--no-floor",
        "--subscribers",
        "4",
        "--full",
        "0.5",
        "--loss",
        "0.1",
        "--duration",
        "2s",
    ]);

    let record = &records[0];
    assert!(number(&record["sent_again"]) > 3.0, "{output:?}");
    assert!(number(&record["loss"]) > 0.04);
    assert!(number(&record["loss_after_repair"]) < 0.02, "{output:?}");
    assert_eq!(record["faulty_packets"], 0);
}

#[test]
fn of_three_layers_the_middle_one_comes_whole() {
    let (output, records) = measured(&[
        "run",
        "--no-floor",
        "--publishers",
        "3",
        "--subscribers",
        "3",
        "--simulcast",
        "--full",
        "1",
        "--bitrate",
        "2m",
        "--loss",
        "0.05",
        "--duration",
        "2s",
    ]);

    let record = &records[0];
    assert_eq!(record["losses_agree"], true, "{output:?}");
    assert_eq!(record["frame_check"], "on");
    assert_eq!(record["dropped_by_frame_check"], 0);
    assert_eq!(record["faulty_packets"], 0, "{output:?}");
    assert!(number(&record["sent_again"]) > 10.0, "{output:?}");
    assert!(number(&record["loss_after_repair"]) < 0.01, "{output:?}");
}

#[test]
fn a_meeting_through_the_floor_is_forwarded_and_compared_with_single_datagrams() {
    let (output, records) = measured(&["floor", "--publishers", "3", "--subscribers", "3"]);

    assert_eq!(records[0]["target"], "floor", "{output:?}");
    assert_eq!(records[1]["target"], "floor, singly");
    for record in &records {
        assert_eq!(record["faulty_packets"], 0);
        assert!(number(&record["forwarded_packets_per_second"]) > 100.0);
    }
    assert!(text(&output).contains("ratio to send"), "{output:?}");
}

#[test]
fn saturation_ends_with_a_verdict() {
    let (output, records) = measured(&["saturate", "--subscribers", "2", "--steps", "2"]);

    assert!(!records.is_empty());
    let said = text(&output);
    assert!(said.contains("carried: "), "{said}");
    assert!(said.contains("gave in"), "{said}");
    let is_carried = !said.contains("not even the first step");
    assert_eq!(said.contains("at half of that: "), is_carried, "{said}");
}

#[test]
fn saturation_ends_in_time() {
    let (output, records) = measured(&[
        "saturate",
        "--subscribers",
        "2",
        "--steps",
        "9",
        "--time",
        "2s",
    ]);

    assert!(records.len() < 9);
    assert!(text(&output).contains("stopped early: "), "{output:?}");
}

#[test]
fn a_relay_test_without_coturn_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["turn", "relay", "--loopback", "--quiet", "--rounds", "1"])
        .args(["--clients", "2", "--duration", "300ms"])
        .env("PATH", "")
        .output()
        .unwrap();

    let said = text(&output);
    assert!(said.contains("coturn: absent: "), "{output:?}");
    assert!(said.contains("apt-get install coturn"), "{said}");
}

#[test]
fn a_comparison_names_what_is_absent_and_writes_a_page() {
    let page = file("html");
    let (output, records) = measured(&[
        "compare",
        "--scenarios",
        "1x2",
        "--rounds",
        "1",
        "--html",
        page.to_str().unwrap(),
    ]);

    let targets: Vec<_> = records.iter().map(|record| &record["target"]).collect();
    assert!(targets.contains(&&Value::from("floor")), "{output:?}");
    assert!(targets.contains(&&Value::from("quietroom")), "{output:?}");
    for record in &records {
        assert!(number(&record["cpu_ns_per_forwarded_packet"]) > 0.0);
    }
    // On loopback Janus cannot be measured, and must not be shown as slow.
    assert!(!targets.contains(&&Value::from("janus")));
    assert!(text(&output).contains("janus: absent: "), "{output:?}");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));
}

#[test]
fn a_comparison_cut_short_leaves_what_it_has_measured() {
    let json = file("json");
    let _ = fs::remove_file(&json);
    let mut comparison = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["compare", "--scenarios", "1x2", "--rounds", "100"])
        .args(["--loopback", "--quiet", "--duration", "300ms", "--json"])
        .arg(&json)
        .spawn()
        .unwrap();

    let deadline = Instant::now() + Duration::from_mins(1);
    let is_there = || fs::read_to_string(&json).is_ok_and(|text| text.ends_with("]\n"));
    while !is_there() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    comparison.kill().unwrap();
    comparison.wait().unwrap();

    let report = fs::read_to_string(&json).unwrap();
    let records: Vec<Value> = serde_json::from_str(&report).unwrap();
    assert_eq!(records[0]["scenario"], "1x2");
}

#[test]
fn a_server_that_fails_does_not_cost_the_others_results() {
    let (output, records) = measured(&[
        "compare",
        "--scenarios",
        "1x2",
        "--rounds",
        "3",
        "--quietroom",
        "/nowhere/quietroom",
    ]);

    let said = text(&output);
    assert_eq!(said.matches("quietroom: failed: ").count(), 2, "{said}");
    assert_eq!(records.len(), 2, "{said}");
    assert_eq!(records[1]["target"], "floor");
}

#[test]
fn memory_is_told_for_each_receiver_and_publisher() {
    let (output, records) = measured(&[
        "memory",
        "--subscribers",
        "5,45",
        "--publishers",
        "1,4",
        "--fps",
        "5",
        "--bitrate",
        "100k",
    ]);

    let subscriber = number(&records[1]["memory_bytes_per_added_subscriber"]);
    let publisher = number(&records[3]["memory_bytes_per_added_publisher"]);
    assert!(subscriber > 10e3 && subscriber < 150e3, "{output:?}");
    assert!(publisher < 2e6, "{output:?}");
}

#[test]
fn a_link_delays_what_goes_over_it_and_ends_by_itself() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap().to_string();
    let mut link = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["link", "--to", &to, "--delay", "40ms", "--for", "3s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(link.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut buffer = [0; 10];

    let start = Instant::now();
    client.send_to(b"x", address.trim()).unwrap();
    let (_, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(b"y", from).unwrap();
    client.recv_from(&mut buffer).unwrap();

    assert!(start.elapsed() >= Duration::from_millis(80));
    assert!(link.wait().unwrap().success());
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let output = loadtest(&[
        "run",
        "--quietroom",
        "/nowhere/quietroom",
        "--loopback",
        "--quiet",
        "--duration",
        "300ms",
    ]);

    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("No such file"), "{said}");
}

/// Runs a short test; gives its JSON report too. How cheap trains are is not
/// judged: tests run on busy machines.
fn measured(arguments: &[&str]) -> (Output, Vec<Value>) {
    let json = file("json");
    let mut all = arguments.to_vec();
    all.extend(["--loopback", "--quiet"]);
    for [option, value] in [["--bitrate", "600k"], ["--duration", "600ms"]] {
        if !arguments.contains(&option) {
            all.extend([option, value]);
        }
    }
    all.extend(["--json", json.to_str().unwrap()]);
    let output = loadtest(&all);
    let report = fs::read_to_string(&json);
    let report = report.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output, serde_json::from_str(&report).unwrap())
}

fn loadtest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(arguments)
        .output()
        .unwrap()
}

fn file(kind: &str) -> PathBuf {
    let name = std::thread::current().name().unwrap().to_owned();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{kind}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
