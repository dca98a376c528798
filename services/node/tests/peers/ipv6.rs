//! Peers that come from any IPv6 address: a test runs once more, in a network of its own.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;

use serde_json::json;
use synod_chainspec::genesis_block;

use crate::kit::{Starter, TestNode, encode_headers, headers_on};

/// Tells the process in the network of its own that it is there.
const INSIDE: &str = "SYNOD_TEST_INSIDE_NETWORK";
/// Makes all addresses of the prefix for documentation (RFC 3849) this machine's.
const SETUP: &str = "ip link set lo up && ip -6 route add local 2001:db8::/32 dev lo && \
                     echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind";

/// Runs a shell's command in a network of its own; `None` where none can be made.
fn inside(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("unshare")
        .args(["-rn", "sh", "-c", &format!("{SETUP} && {command}"), "sh"])
        .args(arguments)
        .env(INSIDE, "1")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(said)
}

/// Runs one test in a network of its own, or prints that it is skipped.
fn again_inside(test: &str) {
    if inside("true", &[]).is_none() {
        println!("skipped: no network of its own can be made here");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("UTF-8");
    let said = inside("exec \"$@\"", &[program, test, "--exact"]);
    let said = said.expect("the test fails in its network; run it there to see why");
    assert!(said.contains("1 passed"), "{said}");
}

/// Lets what the test asks come from an address.
fn come_from(node: &mut TestNode, address: &str) {
    let address: Ipv6Addr = address.parse().expect("an address");
    let client = reqwest::Client::builder().local_address(Some(address.into()));
    node.http = client.build().expect("a client");
}

#[tokio::test(flavor = "multi_thread")]
async fn p10_who_misbehaved_is_refused_from_its_whole_network_and_nobody_else_is() {
    if std::env::var_os(INSIDE).is_none() {
        again_inside(
            "ipv6::p10_who_misbehaved_is_refused_from_its_whole_network_and_nobody_else_is",
        );
        return;
    }
    let listen = Some(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    let mut node = Starter {
        listen,
        ..Starter::default()
    }
    .start()
    .await;
    let mut broken = headers_on(genesis_block().hash(), 10);
    broken.remove(5);
    come_from(&mut node, "2001:db8:0:1::1");
    let session = node.session().await;
    let page = encode_headers(&broken);
    assert_eq!(
        node.post_octets(&session, "push/headers", page).await.0,
        200
    );
    for (address, expected) in [
        ("2001:db8:0:1::1", 503),
        ("2001:db8:0:1::2", 503),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", 503),
        ("2001:db8:0:2::1", 200),
        ("2001:db8:0:0:ffff::1", 200),
        ("::1", 200),
    ] {
        come_from(&mut node, address);
        let (status, body) = node.greet_as(json!({})).await;
        assert_eq!(status, expected, "{address}: {body}");
        assert_eq!(body["code"] == "overloaded", expected == 503, "{body}");
    }
    come_from(&mut node, "2001:db8:0:1::2");
    let chain = format!("{}/v1/chain", node.url);
    let read = node.http.get(chain).send().await.expect("an answer");
    assert!(read.status().is_success(), "who is no peer may read");
    node.stop().await;
}
