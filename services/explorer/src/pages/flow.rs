//! The flow of value through a transaction, as an SVG.

use std::fmt::Write;

use super::html::{Html, escape};
use super::words::Words;
use crate::explore::TxView;
use crate::text;

/// Bands on each side; what is more is one band.
const MAX_BANDS: usize = 24;
const WIDTH: f64 = 640.0;
/// Height of all value together, and of the gap between two bands.
const BODY: f64 = 90.0;
const GAP: f64 = 9.0;
const LEAST: f64 = 1.5;

/// A band: its share and what it is.
struct Band {
    sat: i64,
    class: &'static str,
    label: String,
}

/// Draws a transaction; nothing where it has no value to show.
pub(crate) fn draw(view: &TxView, t: &Words) -> Html {
    let outputs: i64 = view.output_sat();
    let is_coinbase = view.transaction.is_coinbase();
    let mut left: Vec<Band> = view
        .prevouts
        .iter()
        .flatten()
        .enumerate()
        .map(|(i, output)| Band::of(output.value.sat(), "in", format!("#{i}")))
        .collect();
    if is_coinbase {
        left = vec![Band::of(outputs, "new", t.new_coins.to_owned())];
    }
    let mut right: Vec<Band> = view
        .transaction
        .outputs()
        .iter()
        .enumerate()
        .map(|(i, output)| Band::of(output.value.sat(), "out", format!("#{i}")))
        .collect();
    if !is_coinbase && view.fee_sat > 0 {
        right.push(Band::of(view.fee_sat, "fee", t.fee.to_owned()));
    }
    let total = left.iter().map(|band| band.sat).sum::<i64>().max(1);
    if left.is_empty() || right.is_empty() || total <= 1 {
        return Html::default();
    }
    let (left, right) = (fold(left), fold(right));
    let rows = left.len().max(right.len());
    let height = BODY + GAP * rows as f64 + 24.0;
    let mut svg = format!(
        "<svg class=\"flow\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"{}\">",
        escape(t.flow)
    );
    side(&mut svg, &left, total, height, true);
    side(&mut svg, &right, total, height, false);
    svg.push_str("</svg>");
    Html::raw(svg)
}

impl Band {
    fn of(sat: i64, class: &'static str, label: String) -> Self {
        Self { sat, class, label }
    }
}

/// Joins what is more than the drawing holds into one band.
fn fold(mut bands: Vec<Band>) -> Vec<Band> {
    if bands.len() > MAX_BANDS {
        let rest = bands.split_off(MAX_BANDS - 1);
        let sat = rest.iter().map(|band| band.sat).sum();
        bands.push(Band::of(sat, rest[0].class, format!("+{}", rest.len())));
    }
    bands
}

/// Draws the bands of one side, from the outer edge to the middle.
fn side(svg: &mut String, bands: &[Band], total: i64, height: f64, is_left: bool) {
    let (outer, inner) = if is_left {
        (8.0, WIDTH / 2.0)
    } else {
        (WIDTH - 8.0, WIDTH / 2.0)
    };
    let bend = if is_left {
        outer + 150.0
    } else {
        outer - 150.0
    };
    let back = if is_left { inner - 90.0 } else { inner + 90.0 };
    let thick = |band: &Band| (band.sat as f64 / total as f64 * BODY).max(LEAST);
    let used: f64 = bands.iter().map(thick).sum::<f64>() + GAP * (bands.len() - 1) as f64;
    let mut at_edge = (height - used) / 2.0;
    let mut at_middle = (height - BODY) / 2.0;
    for band in bands {
        let width = thick(band);
        let (edge, middle) = (at_edge + width / 2.0, at_middle + width / 2.0);
        let _ = write!(
            svg,
            "<path class=\"{}\" stroke-width=\"{width:.2}\" d=\"M{outer} {edge:.2} C{bend} \
             {edge:.2} {back} {middle:.2} {inner} {middle:.2}\"><title>{} · {} BTC</title></path>",
            band.class,
            escape(&band.label),
            text::coins(band.sat),
        );
        at_edge += width + GAP;
        at_middle += band.sat as f64 / total as f64 * BODY;
    }
}
