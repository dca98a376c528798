//! What a person sees when the network is up.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use synod_api::endpoints::EndpointsFile;

use super::ENDPOINTS_FILE;
use super::args::UpArgs;

/// Prints the table of endpoints and what to do next.
pub(super) fn show(endpoints: &EndpointsFile, args: &UpArgs) {
    print!(
        "{}",
        table(endpoints, args, std::io::stdout().is_terminal())
    );
}

fn table(endpoints: &EndpointsFile, args: &UpArgs, has_colour: bool) -> String {
    let bold = |text: &str| {
        if has_colour {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let mut rows: Vec<(String, String, &str)> = vec![
        (
            "explorer".to_owned(),
            endpoints.explorer.url.clone(),
            "pages, /api (Esplora), /docs",
        ),
        (
            "esplora".to_owned(),
            endpoints.explorer.esplora_root.clone(),
            "the Esplora API at the root",
        ),
    ];
    for node in &endpoints.nodes {
        rows.push((node.name.clone(), node.url.clone(), "REST, /docs"));
    }
    if let Some(miner) = &endpoints.miner {
        rows.push(("miner".to_owned(), miner.url.clone(), "REST, /docs"));
    }
    for validator in &endpoints.validators {
        rows.push((
            validator.name.clone(),
            validator.url.clone(),
            "/v1/status, /docs",
        ));
    }
    rows.push((
        "wallet".to_owned(),
        endpoints.wallet.url.clone(),
        "REST with a token, /docs",
    ));
    let widest = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let url_width = rows.iter().map(|(_, url, _)| url.len()).max().unwrap_or(0);
    let mut out = String::new();
    let seconds = endpoints.ready_ms as f64 / 1000.0;
    let head = format!("{} is up after {seconds:.2} s", endpoints.network);
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n{}   chain id {}\n", bold(&head), endpoints.chain_id);
    for (name, url, what) in rows {
        let _ = writeln!(out, "  {name:<widest$}  {url:<url_width$}  {what}");
    }
    let data = args.data.display();
    let flag = if args.data.as_os_str() == super::DEFAULT_DATA {
        String::new()
    } else {
        format!(" --data {data}")
    };
    let _ = writeln!(out, "\n  data, tokens   {data}/{ENDPOINTS_FILE}");
    let _ = writeln!(out, "  coins          synod faucet ADDRESS 0.5{flag}");
    let _ = writeln!(
        out,
        "  stop           Ctrl-C; the next `synod up{flag}` goes on from here\n"
    );
    out
}
