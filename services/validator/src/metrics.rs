//! The validator's metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use synod_service::Metrics;

/// Counters of duties.
#[derive(Clone, Default)]
pub(crate) struct ValidatorMetrics {
    duties: Family<DutyLabels, Counter>,
    signing: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DutyLabels {
    kind: &'static str,
    result: &'static str,
}

impl ValidatorMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register(
                "validator_duties",
                "Duties by kind and result",
                own.duties.clone(),
            );
            registry.register(
                "validator_signing",
                "1 while the validator signs",
                own.signing.clone(),
            );
        });
        own
    }

    pub(crate) fn count(&self, kind: &'static str, result: &'static str) {
        self.duties
            .get_or_create(&DutyLabels { kind, result })
            .inc();
    }

    pub(crate) fn set_signing(&self, is_signing: bool) {
        self.signing.set(i64::from(is_signing));
    }
}
