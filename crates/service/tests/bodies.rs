//! Request bodies: size, form, JSON.

mod support;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use support::{Server, start};
use synod_api::{AmountSat, HashHex};
use synod_service::{ApiError, App, Json, Limits, RawOrHex, body_limit};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: usize = 4096;
const WIDE_LIMIT: usize = 3_000_000;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Payment {
    amount: AmountSat,
    #[serde(default)]
    block: Option<HashHex>,
}

#[utoipa::path(post, path = "/json", request_body = Payment, responses((status = 200, description = "The same.")))]
async fn json(Json(body): Json<Payment>) -> Json<Payment> {
    Json(body)
}

#[utoipa::path(post, path = "/any", responses((status = 200, description = "Nothing.")))]
async fn any(Json(_): Json<serde_json::Value>) -> StatusCode {
    StatusCode::OK
}

#[utoipa::path(post, path = "/raw", responses((status = 200, description = "The bytes in hex.")))]
async fn raw(RawOrHex(body): RawOrHex) -> Result<String, ApiError> {
    Ok(const_hex::encode(&body))
}

#[utoipa::path(post, path = "/wide", responses((status = 200, description = "The size.")))]
async fn wide(RawOrHex(body): RawOrHex) -> String {
    body.len().to_string()
}

async fn server() -> Server {
    let limits = Limits {
        max_body_bytes: LIMIT,
        ..Limits::default()
    };
    let routes = OpenApiRouter::new()
        .routes(routes!(wide))
        .layer(body_limit(WIDE_LIMIT))
        .routes(routes!(json))
        .routes(routes!(any))
        .routes(routes!(raw));
    start(
        App::new(OpenApi::default(), &limits).routes(routes).build(),
        limits,
    )
    .await
}

#[tokio::test]
async fn a_body_at_the_limit_is_read_and_one_past_it_is_not() {
    let server = server().await;
    let octets = "Content-Type: application/octet-stream";
    for (path, limit) in [("/raw", LIMIT), ("/wide", WIDE_LIMIT)] {
        let line = format!("POST {path}");
        let body = vec![0xff; limit + 1];
        assert_eq!(
            server.send(&line, &[octets], &body[1..]).await.status,
            200,
            "{path}"
        );
        let answer = server.send(&line, &[octets], &body).await;
        assert_eq!(
            answer.verdict(),
            (413, "body-too-large".to_owned()),
            "{path}"
        );
        assert_eq!(answer.problem().more["limit"], limit);
        let chunked = [octets, "Transfer-Encoding: chunked"];
        let framed = |body: &[u8]| {
            let mut out = Vec::new();
            for piece in body.chunks(1000) {
                out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            [out.as_slice(), b"0\r\n\r\n"].concat()
        };
        assert_eq!(
            server
                .send(&line, &chunked, &framed(&body[1..]))
                .await
                .status,
            200,
            "{path}"
        );
        assert_eq!(
            server.send(&line, &chunked, &framed(&body)).await.status,
            413,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_sender_of_far_too_much_still_reads_the_answer() {
    let answer = server()
        .await
        .send("POST /raw", &[], &vec![0xff; 20_000_000])
        .await;
    assert_eq!(answer.verdict(), (413, "body-too-large".to_owned()));
}

#[tokio::test]
async fn a_length_beyond_all_measure_is_refused_without_reading() {
    let headers = ["Content-Length: 5000000000", "Expect: 100-continue"];
    let answer = server().await.send("POST /raw", &headers, b"").await;
    assert_eq!(answer.verdict(), (413, "body-too-large".to_owned()));
}

#[tokio::test]
async fn two_lengths_are_refused() {
    let headers = ["Content-Length: 2", "Content-Length: 3"];
    assert_eq!(
        server()
            .await
            .send("POST /raw", &headers, b"abc")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn json_is_read_in_one_form_only() {
    let server = server().await;
    for good in [
        r#"{"amount":2100000000000000}"#,
        " {\n\"amount\" : 0 , \"block\" : null }\r\n ",
    ] {
        let answer = server.post_json("/json", good.as_bytes()).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.text());
    }
    let lone = "{\"amount\":1,\"block\":\"\\ud800\"}".as_bytes();
    let cases: [(&[u8], u16); 23] = [
        (b"", 400),
        (b"{", 400),
        (b"nonsense", 400),
        (b"{\"amount\":1} x", 400),
        (b"{\"amount\":1}{\"amount\":1}", 400),
        (b"\xef\xbb\xbf{\"amount\":1}", 400),
        (b"{\"amount\":01}", 400),
        (b"{\"amount\":NaN}", 400),
        (b"{\"amount\":1,\"block\":\"\xff\"}", 400),
        (lone, 400),
        (b"{\"amount\":1e400}", 400),
        (b"{\"amount\":2100000000000001}", 422),
        (b"{\"amount\":9223372036854775808}", 422),
        (b"{\"amount\":18446744073709551616}", 422),
        (b"{\"amount\":-1}", 422),
        (b"{\"amount\":1.0}", 422),
        (b"{\"amount\":1e3}", 422),
        (b"{\"amount\":\"1\"}", 422),
        (b"{\"amount\":null}", 422),
        (b"{\"amount\":1,\"amount\":1}", 422),
        (b"{\"amount\":1,\"more\":1}", 422),
        (b"{\"block\":null}", 422),
        (b"{\"amount\":1,\"block\":\"0f\"}", 422),
    ];
    for (body, status) in cases {
        let answer = server.post_json("/json", body).await;
        assert_eq!(
            answer.status,
            status,
            "{:?}: {}",
            body.escape_ascii().to_string(),
            answer.text()
        );
        let code = if status == 400 {
            "bad-json"
        } else {
            "bad-body"
        };
        assert_eq!(answer.problem().code, code);
    }
}

#[tokio::test]
async fn json_nests_to_127_and_no_deeper() {
    let server = server().await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(
        server
            .post_json("/any", nested(127).as_bytes())
            .await
            .status,
        200
    );
    assert_eq!(
        server
            .post_json("/any", nested(128).as_bytes())
            .await
            .verdict()
            .0,
        400
    );
    assert_eq!(
        server
            .post_json("/any", "[".repeat(LIMIT).as_bytes())
            .await
            .verdict()
            .0,
        400
    );
}

#[tokio::test]
async fn other_media_types_and_compression_are_refused() {
    let server = server().await;
    let body = br#"{"amount":1}"#;
    let refused = (415, "unsupported-media-type".to_owned());
    assert_eq!(
        server.send("POST /json", &[], body).await.verdict(),
        refused
    );
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "?",
    ] {
        let header = format!("Content-Type: {kind}");
        assert_eq!(
            server.send("POST /json", &[&header], body).await.verdict(),
            refused,
            "{kind}"
        );
    }
    let charset = ["Content-Type: Application/JSON; charset=utf-8"];
    assert_eq!(server.send("POST /json", &charset, body).await.status, 200);
    let gzip = ["Content-Type: application/json", "Content-Encoding: gzip"];
    assert_eq!(
        server.send("POST /json", &gzip, body).await.verdict(),
        refused
    );
    let multipart = ["Content-Type: multipart/form-data"];
    assert_eq!(
        server.send("POST /raw", &multipart, body).await.verdict(),
        refused
    );
}

#[tokio::test]
async fn raw_bytes_and_hex_are_told_apart() {
    let server = server().await;
    let (octets, text) = (
        "Content-Type: application/octet-stream",
        "Content-Type: text/plain",
    );
    let form = "Content-Type: application/x-www-form-urlencoded";
    type Case<'a> = (&'a [&'a str], &'a [u8], Result<&'a str, u16>);
    let cases: [Case<'_>; 10] = [
        (&[octets], b"00ff", Ok("30306666")),
        (&[text], b"00ff", Ok("00ff")),
        (&[text], b" 00FF\r\n", Ok("00ff")),
        (&[text], b"0x00", Err(400)),
        (&[text], b"00f", Err(400)),
        (&[], b"00ff\n", Ok("00ff")),
        (&[], b"\x00\xff", Ok("00ff")),
        (&[form], b"00ff", Ok("00ff")),
        (&[octets], b"", Err(400)),
        (&[text], b"  ", Err(400)),
    ];
    for (headers, body, want) in cases {
        let answer = server.send("POST /raw", headers, body).await;
        match want {
            Ok(hex) => assert_eq!((answer.status, answer.text().as_str()), (200, hex)),
            Err(status) => assert_eq!(answer.verdict(), (status, "bad-request".to_owned())),
        }
    }
}
