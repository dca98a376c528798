//! What every service answers in the same way, whatever its routes.

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use support::{Server, start};
use synod_api::HashHex;
use synod_service::{
    AccessPolicy, ApiError, App, Health, Limits, Path, Query, Rate, RouteClass, Token,
};
use tokio::sync::{Notify, mpsc};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
}

#[utoipa::path(get, path = "/blocks/{hash}", responses((status = 200, description = "The hash.")))]
async fn block(Path(hash): Path<HashHex>, Query(page): Query<Page>) -> String {
    format!("{hash} {}", page.limit.unwrap_or(0))
}

#[utoipa::path(post, path = "/write", responses((status = 200, description = "Done.")))]
async fn write() -> &'static str {
    "done"
}

#[utoipa::path(get, path = "/panic", responses((status = 500, description = "Always.")))]
async fn panic() -> String {
    panic!("secret {}", "cause")
}

#[utoipa::path(get, path = "/late", responses((status = 503, description = "Always.")))]
async fn late() -> String {
    std::future::pending().await
}

#[utoipa::path(get, path = "/rule", responses((status = 422, description = "Always.")))]
async fn rule() -> ApiError {
    ApiError::unprocessable("bad-cb-amount", "The coinbase pays too much.")
        .known()
        .with_script_error("EVAL_FALSE")
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(block))
        .routes(routes!(write))
        .routes(routes!(panic))
        .routes(routes!(late))
        .routes(routes!(rule))
}

async fn server() -> Server {
    let limits = Limits {
        request_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    start(
        App::new(OpenApi::default(), &limits)
            .routes(routes())
            .build(),
        limits,
    )
    .await
}

const HASH: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let server = server().await;
    assert_eq!(
        server.get("/nothing").await.verdict(),
        (404, "not-found".to_owned())
    );
    let answer = server.send("DELETE /rule", &[], b"").await;
    assert_eq!(answer.verdict(), (405, "method-not-allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(server.send("TRACE /rule", &[], b"").await.status, 405);
    assert_eq!(server.send("OPTIONS /rule", &[], b"").await.status, 405);
    assert_eq!(
        server.get("/late").await.verdict(),
        (503, "timeout".to_owned())
    );
    let rule = server.get("/rule").await;
    assert_eq!(rule.header("cache-control"), Some("no-store"));
    let problem = rule.problem();
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (422, "bad-cb-amount")
    );
    assert_eq!(
        (problem.known, problem.script_error.as_deref()),
        (Some(true), Some("EVAL_FALSE"))
    );
    assert_eq!(problem.instance.as_deref(), Some("/rule"));
}

#[tokio::test]
async fn a_panic_ends_its_request_alone_and_shows_nothing() {
    let server = server().await;
    let answer = server.get("/panic").await;
    assert_eq!(answer.verdict(), (500, "internal".to_owned()));
    assert!(!answer.text().contains("secret"));
    assert_eq!(server.get(&format!("/blocks/{HASH}")).await.status, 200);
}

#[tokio::test]
async fn paths_and_queries_have_one_form() {
    let server = server().await;
    assert_eq!(
        server.get(&format!("/blocks/{HASH}?limit=7")).await.text(),
        format!("{HASH} 7")
    );
    let upper = HASH.to_uppercase();
    for path in [
        &HASH[1..],
        &format!("{HASH}0"),
        &upper,
        &format!("0x{}", &HASH[2..]),
        &format!("{HASH}%00"),
        "%ff",
        &format!("{HASH}?limit=-1"),
        &format!("{HASH}?limit=4294967296"),
        &format!("{HASH}?limt=1"),
        &format!("{HASH}?limit=1&limit=2"),
    ] {
        let answer = server.get(&format!("/blocks/{path}")).await;
        assert_eq!(answer.verdict(), (400, "bad-request".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_and_returned() {
    let server = server().await;
    let answer = server
        .send("GET /rule", &["X-Request-Id: trace-7"], b"")
        .await;
    assert_eq!(answer.problem().request_id, "trace-7");
    let first = server.get("/rule").await.problem().request_id;
    assert_ne!(first, server.get("/rule").await.problem().request_id);
}

#[tokio::test]
async fn other_hosts_are_refused_on_every_route() {
    let server = server().await;
    for path in [
        "/rule",
        "/nothing",
        "/health/live",
        "/metrics",
        "/openapi.json",
        "/docs/",
    ] {
        let answer = server
            .send(&format!("GET {path}"), &["Host: evil.com"], b"")
            .await;
        assert_eq!(
            answer.verdict(),
            (421, "misdirected-host".to_owned()),
            "{path}"
        );
    }
    let twice = ["Host: localhost", "Host: evil.com"];
    assert_eq!(
        server.send("GET /health/live", &twice, b"").await.status,
        400
    );
    let absolute = server
        .send("GET http://evil.com/health/live", &[], b"")
        .await;
    assert_eq!(absolute.status, 421);
    let none = server
        .exchange(b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(none.status, 400);
    assert_eq!(
        server
            .exchange(b"GET /health/live HTTP/1.0\r\n\r\n")
            .await
            .status,
        200
    );
    let own = format!("Host: {}", server.address);
    assert_eq!(
        server.send("GET /health/live", &[&own], b"").await.status,
        200
    );
}

#[tokio::test]
async fn pages_of_other_sites_read_but_do_not_write() {
    let server = server().await;
    let evil = "Origin: http://evil.com";
    let read = server.send("GET /health/live", &[evil], b"").await;
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));
    let write = server
        .send("POST /write", &[evil, "Content-Type: text/plain"], b"x")
        .await;
    assert_eq!(write.verdict(), (403, "forbidden-origin".to_owned()));
    assert_eq!(write.header("access-control-allow-origin"), None);
    assert_eq!(
        server
            .send("POST /write", &["Origin: null"], b"")
            .await
            .status,
        403
    );
    assert_eq!(
        server
            .send("POST /write", &["Origin: http://localhost"], b"")
            .await
            .status,
        200
    );
    assert_eq!(server.send("POST /write", &[], b"").await.status, 200);
    let preflight = |method: &'static str| {
        let server = &server;
        async move {
            let wanted = format!("Access-Control-Request-Method: {method}");
            server.send("OPTIONS /write", &[evil, &wanted], b"").await
        }
    };
    let allowed = preflight("GET").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        Some("GET, HEAD")
    );
    let headers = allowed
        .header("access-control-allow-headers")
        .expect("present");
    assert!(!headers.contains("authorization"));
    for method in ["POST", "PUT", "DELETE", "NONSENSE"] {
        let refused = preflight(method).await;
        assert_eq!(
            refused.verdict(),
            (403, "forbidden-origin".to_owned()),
            "{method}"
        );
        assert_eq!(
            refused.header("access-control-allow-origin"),
            None,
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_public_write_is_open_to_pages() {
    let limits = Limits::default();
    let access = AccessPolicy {
        public_writes: vec!["/write".to_owned()],
        ..AccessPolicy::default()
    };
    let app = App::new(OpenApi::default(), &limits)
        .routes(routes())
        .access(access)
        .build();
    let server = start(app, limits).await;
    let evil = "Origin: http://evil.com";
    let write = server.send("POST /write", &[evil], b"").await;
    assert_eq!(write.header("access-control-allow-origin"), Some("*"));
    let wanted = "Access-Control-Request-Method: POST";
    assert_eq!(
        server
            .send("OPTIONS /write", &[evil, wanted], b"")
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn protected_routes_want_the_token() {
    let limits = Limits::default();
    let token = Token::generate().expect("randomness");
    let app = App::new(OpenApi::default(), &limits)
        .routes(token.protect(routes()))
        .build();
    let server = start(app, limits).await;
    let secret = token.reveal();
    let good = format!("Authorization: Bearer {secret}");
    let wrong = format!("Authorization: Bearer {}", "0".repeat(secret.len()));
    let basic = format!("Authorization: Basic {secret}");
    for line in ["POST /write", "GET /rule", "GET /blocks/x"] {
        for headers in [&[][..], &[wrong.as_str()], &[basic.as_str()]] {
            let answer = server.send(line, headers, b"").await;
            assert_eq!(answer.verdict(), (401, "unauthorized".to_owned()), "{line}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let in_query = format!("{line}?token={secret}");
        assert_eq!(server.send(&in_query, &[], b"").await.status, 401);
        assert_ne!(server.send(line, &[&good], b"").await.status, 401);
    }
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn overload_is_refused_at_once_and_health_still_answers() {
    let (entered, mut is_entered) = mpsc::channel(1);
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let handler = move || async move {
        entered.send(()).await.expect("the test waits");
        released.notified().await;
        "done"
    };
    let limits = Limits {
        max_requests: 1,
        ..Limits::default()
    };
    let router = axum::Router::new().route("/slow", axum::routing::get(handler));
    let app = App::new(OpenApi::default(), &limits)
        .pages(router)
        .routes(routes())
        .build();
    let server = Arc::new(start(app, limits).await);
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.get("/slow").await }
    });
    is_entered.recv().await.expect("entered");
    let refused = server.get("/rule").await;
    assert_eq!(refused.verdict(), (503, "overloaded".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/health/live").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 200);
    release.notify_one();
    assert_eq!(first.await.expect("no panic").text(), "done");
    assert_eq!(server.get("/rule").await.status, 422);
}

#[tokio::test]
async fn w07_each_class_of_routes_has_its_own_limit() {
    let (entered, mut is_entered) = mpsc::channel(2);
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let handler = move || async move {
        entered.send(()).await.expect("the test waits");
        released.notified().await;
        "done"
    };
    let heavy = RouteClass {
        name: "heavy",
        max_requests: 2,
    };
    let slow = |path: &str| OpenApiRouter::new().route(path, axum::routing::get(handler.clone()));
    let limits = Limits::default();
    let app = App::new(OpenApi::default(), &limits)
        .routes_of(heavy, slow("/slow"))
        .routes_of(heavy, slow("/slow/too"))
        .routes(routes())
        .build();
    let server = Arc::new(start(app, limits).await);
    let mut open = Vec::new();
    for path in ["/slow", "/slow/too"] {
        let server = Arc::clone(&server);
        open.push(tokio::spawn(async move { server.get(path).await }));
        is_entered.recv().await.expect("entered, at the limit");
    }
    let refused = server.get("/slow").await;
    assert_eq!(refused.verdict(), (503, "overloaded".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.text().contains(r#""class":"heavy""#));
    assert_eq!(server.get("/rule").await.status, 422, "others go on");
    release.notify_one();
    release.notify_one();
    for answer in open {
        assert_eq!(answer.await.expect("no panic").text(), "done");
    }
}

#[tokio::test]
async fn w06_an_address_that_asks_too_often_is_told_when_to_come_back() {
    let limits = Limits {
        rate: Some(Rate {
            per_second: 1,
            burst: 3,
        }),
        counts_loopback: true,
        ..Limits::default()
    };
    let app = App::new(OpenApi::default(), &limits)
        .routes(routes())
        .build();
    let server = start(app, limits).await;
    for _ in 0..3 {
        assert_eq!(server.get("/rule").await.status, 422);
    }
    // A forged header is no other address.
    let forged = "x-forwarded-for: 192.0.2.7";
    let refused = server.send("GET /rule", &[forged], b"").await;
    assert_eq!(refused.verdict(), (429, "too-many-requests".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/health/live").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let limits = Limits::default();
    let health = Health::default();
    let store = health.check("store");
    let app = App::new(OpenApi::default(), &limits)
        .health(&health)
        .build();
    let server = start(app, limits).await;
    let answer = server.get("/health/ready").await;
    assert_eq!(answer.verdict(), (503, "unavailable".to_owned()));
    assert_eq!(answer.problem().more["checks"]["store"], "starting");
    store.pass();
    assert_eq!(
        server.get("/health/ready").await.text(),
        r#"{"status":"ready","checks":{"store":"ok"}}"#
    );
    store.fail("the disk is full");
    assert_eq!(
        server.get("/health/ready").await.problem().more["checks"]["store"],
        "the disk is full"
    );
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let server = server().await;
    server.get("/rule").await;
    server.get("/rule").await;
    server.get(&format!("/blocks/{HASH}")).await;
    server.get("/stranger-1").await;
    server.send("BREW /stranger-2", &[], b"").await;
    let text = server.get("/metrics").await.text();
    assert!(text.contains(r#"http_requests_total{method="GET",route="/rule",status="422"} 2"#));
    assert!(
        text.contains(r#"route="/blocks/{hash}",status="200"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"method="other",route="unmatched",status="404"} 1"#));
    assert!(!text.contains("stranger") && !text.contains("BREW"));
}

#[tokio::test]
async fn the_document_lists_all_routes_and_is_kept_by_its_tag() {
    let server = server().await;
    let answer = server.get("/openapi.json").await;
    let document: serde_json::Value = serde_json::from_slice(&answer.body).expect("json");
    for path in [
        "/blocks/{hash}",
        "/write",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    let tag = answer.header("etag").expect("a tag");
    let again = server
        .send(
            "GET /openapi.json",
            &[&format!("If-None-Match: {tag}")],
            b"",
        )
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn the_pages_of_the_document_load_nothing_from_outside() {
    let server = server().await;
    assert_eq!(server.get("/docs").await.header("location"), Some("/docs/"));
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .expect("a policy")
            .contains("default-src 'self'")
    );
    let text = page.text();
    assert!(
        text.contains("swagger-ui-bundle.js") && !text.contains("//cdn"),
        "{text}"
    );
    for file in [
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "swagger-initializer.js",
    ] {
        let answer = server.get(&format!("/docs/{file}")).await;
        assert!(answer.status == 200 && !answer.body.is_empty(), "{file}");
    }
    let script = server.get("/docs/swagger-initializer.js").await.text();
    assert!(
        script.contains("/openapi.json") && !script.contains("petstore"),
        "{script}"
    );
    for file in ["../Cargo.toml", "..%2f..%2fetc%2fpasswd", "%252e", "x"] {
        assert_eq!(
            server.get(&format!("/docs/{file}")).await.status,
            404,
            "{file}"
        );
    }
}
