//! The node's own metrics, read when somebody asks.

use std::fmt;
use std::sync::PoisonError;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use synod_gossip::PeerTable;
use synod_service::Metrics;

use crate::chain::ChainHandle;
use crate::port::ChainPort;
use crate::state::AppState;

struct NodeCollector {
    chain: ChainHandle,
    peers: std::sync::Arc<PeerTable<ChainPort>>,
}

impl fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeCollector")
    }
}

/// Registers the metrics of a node.
#[must_use]
pub(crate) fn register(state: &AppState) -> Metrics {
    let metrics = Metrics::default();
    let collector = NodeCollector {
        chain: state.chain.clone(),
        peers: state.peers.clone(),
    };
    metrics.register(|registry| registry.register_collector(Box::new(collector)));
    metrics
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mempool = self
            .chain
            .mempool()
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let peers = self.peers.list();
        let view = self.chain.view();
        for (name, help, value) in [
            (
                "synod_block_height",
                "Height of the active chain",
                i64::from(view.height.0),
            ),
            (
                "synod_tip_time_seconds",
                "Time of the tip's header",
                view.header.time.into(),
            ),
            (
                "synod_mempool_transactions",
                "Transactions that wait",
                count(mempool),
            ),
            (
                "synod_peers_outbound",
                "Peers that this node speaks to and that answer",
                count(
                    peers
                        .iter()
                        .filter(|it| !it.is_inbound() && it.is_connected)
                        .count(),
                ),
            ),
            (
                "synod_peers_inbound",
                "Peers that came by themselves",
                count(peers.iter().filter(|it| it.is_inbound()).count()),
            ),
            (
                "synod_storage_full",
                "1 while there is no room in storage and nothing is accepted",
                self.chain.is_storage_full().into(),
            ),
            (
                "synod_prune_height",
                "Height below which blocks were pruned, 0 when none were",
                self.chain.prune_height().unwrap_or(0).into(),
            ),
            (
                "synod_peers_connected",
                "Peers that answer or came by themselves",
                count(peers.iter().filter(|it| it.is_connected).count()),
            ),
            (
                "synod_peers_clock_offset_seconds",
                "What the clocks of peers show more than this node's, by their median; 0 of too few",
                self.peers.clock_offset_s().unwrap_or(0),
            ),
            (
                "synod_peers_received_bytes",
                "Bytes of bodies from the peers of now",
                bytes(peers.iter().map(|it| it.traffic.received()).sum()),
            ),
            (
                "synod_peers_sent_bytes",
                "Bytes of bodies to the peers of now",
                bytes(peers.iter().map(|it| it.traffic.sent()).sum()),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        if let Some(members) = self.peers.members() {
            let mut metric = encoder.encode_descriptor(
                "synod_members_refused",
                "Requests between members that were refused, by the code of the refusal",
                None,
                MetricType::Counter,
            )?;
            for (code, count) in members.refusals() {
                let counter = ConstCounter::new(count);
                counter.encode(metric.encode_family(&[("code", code)])?)?;
            }
        }
        Ok(())
    }
}
